/** Sends spans to a collector, in batches; one that is away costs their loss and one line of the log. */
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { BatchSpanProcessor, type SpanExporter, type SpanProcessor } from '@opentelemetry/sdk-trace-node'
import { errorText } from '../core/errors.ts'
import type { Logger } from '../core/ports/logger.ts'

/** What waits to be sent; more is dropped. Some kilobytes each. */
const maxQueueSize = 8_192
/** Less than a full batch waits so long for more. */
const batchDelayMs = 1_000
/** For one batch with its repetitions. */
const timeoutMs = 5_000

/** OTLP over HTTP, as protobuf. Headers, certificates and compression are as the environment's OTEL_EXPORTER_OTLP_* say. */
export function createCollectorProcessor(endpoint: string, log: Logger): SpanProcessor {
  const exporter = new OTLPTraceExporter({ url: toTracesUrl(endpoint), timeoutMillis: timeoutMs })
  return new BatchSpanProcessor(tellTrouble(exporter, log), {
    maxQueueSize,
    scheduledDelayMillis: batchDelayMs,
    exportTimeoutMillis: timeoutMs + 1_000,
  })
}

/** As the OpenTelemetry specification builds it from OTEL_EXPORTER_OTLP_ENDPOINT. */
function toTracesUrl(endpoint: string): string {
  const url = new URL(endpoint)
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/v1/traces`
  return url.href
}

/** One line when the trouble begins, and one when it is over. */
function tellTrouble(exporter: SpanExporter, log: Logger): SpanExporter {
  let lost = 0
  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        // 0 is success: the constant's package is none of ours.
        if (result.code !== 0) {
          if (lost === 0) log.warn('the collector takes no spans; they are dropped until it does', { reason: errorText(result.error) })
          lost += spans.length
        } else if (lost > 0) {
          log.info('the collector takes spans again', { dropped: lost })
          lost = 0
        }
        done(result)
      })
    },
    shutdown: () => exporter.shutdown(),
    forceFlush: async () => exporter.forceFlush?.(),
  }
}

/** Where spans come from: who we are, and which traces are recorded. */

import {
  defaultResource,
  detectResources,
  emptyResource,
  envDetector,
  type Resource,
  resourceFromAttributes,
} from '@opentelemetry/resources'
import {
  NodeTracerProvider,
  ParentBasedSampler,
  type Sampler,
  SamplingDecision,
  type SpanProcessor,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace-node'
import { ATTR_SERVICE_INSTANCE_ID, ATTR_SERVICE_NAME, ATTR_SERVICE_VERSION } from '@opentelemetry/semantic-conventions'

export interface ResourceFacts {
  /** Stronger than the environment's; `tenantry` when neither says anything. */
  readonly serviceName: string | undefined
  readonly nodeId: string
  readonly version: string
}

export function createProvider(
  options: ResourceFacts & { readonly sampleRatio: number; readonly processor: SpanProcessor },
): NodeTracerProvider {
  return new NodeTracerProvider({
    resource: toResource(options),
    sampler: new ParentBasedSampler({ root: createRootSampler(options.sampleRatio) }),
    spanProcessors: [options.processor],
  })
}

/** OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME add to what we know, and are stronger than our defaults. */
function toResource({ serviceName, nodeId, version }: ResourceFacts): Resource {
  const ours = { [ATTR_SERVICE_NAME]: 'tenantry', [ATTR_SERVICE_VERSION]: version, [ATTR_SERVICE_INSTANCE_ID]: nodeId }
  return defaultResource()
    .merge(resourceFromAttributes(ours))
    .merge(detectResources({ detectors: [envDetector] }))
    .merge(serviceName === undefined ? emptyResource() : resourceFromAttributes({ [ATTR_SERVICE_NAME]: serviceName }))
}

/** A span that begins a trace and links to others is a statement for messages of several recorded traces: it is recorded with them. */
function createRootSampler(ratio: number): Sampler {
  const byRatio = new TraceIdRatioBasedSampler(ratio)
  return {
    shouldSample: (context, traceId, _name, _kind, _attributes, links) =>
      links.length > 0 ? { decision: SamplingDecision.RECORD_AND_SAMPLED } : byRatio.shouldSample(context, traceId),
    toString: () => `LinkedOr{${byRatio.toString()}}`,
  }
}

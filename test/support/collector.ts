/** An OpenTelemetry collector for tests: takes OTLP over HTTP, and reads the spans from their protobuf. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { readOtlpSpans, type SpanLook } from './otlp.ts'

export interface Collector extends AsyncDisposable {
  readonly url: string
  /** What has arrived, oldest first. */
  readonly requests: readonly { readonly method: string; readonly path: string; readonly contentType: string | undefined }[]
  readonly spans: readonly SpanLook[]
}

export async function startCollector(): Promise<Collector> {
  const requests: { method: string; path: string; contentType: string | undefined }[] = []
  const spans: SpanLook[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      requests.push({ method: String(request.method), path: String(request.url), contentType: request.headers['content-type'] })
      spans.push(...readOtlpSpans(Buffer.concat(chunks)))
      response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    spans,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

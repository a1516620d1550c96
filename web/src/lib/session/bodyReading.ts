/** Reads bodies and files without leaving garbage: a long transfer would leave gigabytes for the collector. */

const stride = 256 * 1024
/** Milliseconds for a blob's stream. In Chromium one in some thousands never goes on; the same bytes in one piece come. */
const streamWithin = 10_000

/** Reads to the end into the front of `buffer`, which moves to the answer. Throws RangeError when it does not fit. */
export async function readInto(
  buffer: ArrayBuffer,
  body: ReadableStream<Uint8Array> | null,
): Promise<Uint8Array<ArrayBuffer>> {
  if (!body) return new Uint8Array(buffer, 0, 0)
  const reader = byteReader(body)
  return reader ? readBytes(buffer, reader) : readChunks(buffer, body.getReader())
}

/** As `readInto`, a part of a file into a new `place`, or into a second one where the first way fails. */
export function readBlob(blob: Blob, place: () => ArrayBuffer): Promise<Uint8Array<ArrayBuffer>> {
  return inTime(readInto(place(), blob.stream())).catch(() => readAtOnce(blob, place()))
}

async function readAtOnce(blob: Blob, buffer: ArrayBuffer): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(buffer, 0, blob.size)
  bytes.set(new Uint8Array(await blob.arrayBuffer()))
  return bytes
}

function inTime<T>(reading: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new DOMException("the stream stands still", "TimeoutError")), streamWithin)
    void reading.then(resolve, reject).finally(() => clearTimeout(late))
  })
}

function byteReader(body: ReadableStream): ReadableStreamBYOBReader | undefined {
  try {
    return body.getReader({ mode: "byob" })
  } catch {
    // Not in every browser.
    return undefined
  }
}

async function readBytes(buffer: ArrayBuffer, reader: ReadableStreamBYOBReader): Promise<Uint8Array<ArrayBuffer>> {
  let held = buffer
  let at = 0
  for (;;) {
    const space = held.byteLength - at
    // One byte beyond a full buffer tells whether the body ends there.
    const into = space > 0 ? new Uint8Array(held, at, Math.min(stride, space)) : new Uint8Array(1)
    const { done, value } = await reader.read(into)
    if (done) {
      if (space > 0 && value) held = value.buffer
      return new Uint8Array(held, 0, at)
    }
    if (space === 0) throw new RangeError("the body is longer than its place")
    held = value.buffer
    at += value.length
  }
}

async function readChunks(
  buffer: ArrayBuffer,
  reader: ReadableStreamDefaultReader<Uint8Array>,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(buffer)
  let at = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return bytes.subarray(0, at)
    bytes.set(value, at)
    at += value.length
  }
}

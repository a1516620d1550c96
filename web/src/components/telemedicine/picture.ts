/** Which bytes may be shown as a picture in the page: raster formats only, told by their first bytes. */
const signatures: readonly [type: string, test: (b: Uint8Array) => boolean][] = [
  ["image/png", (b) => starts(b, 0, [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])],
  ["image/jpeg", (b) => starts(b, 0, [0xff, 0xd8, 0xff])],
  ["image/gif", (b) => starts(b, 0, [0x47, 0x49, 0x46, 0x38])],
  ["image/webp", (b) => starts(b, 0, [0x52, 0x49, 0x46, 0x46]) && starts(b, 8, [0x57, 0x45, 0x42, 0x50])],
]

const starts = (b: Uint8Array, at: number, bytes: readonly number[]): boolean =>
  bytes.every((byte, i) => b[at + i] === byte)

/** The type that the bytes have, whatever the sender says; undefined when it is not one that is shown. */
export const pictureType = (head: Uint8Array): string | undefined =>
  signatures.find(([, test]) => test(head))?.[0]

/** Whether a preview is offered; the bytes decide once they are here. */
export const mayBePicture = (mime: string, size: number): boolean =>
  size <= 20 * 1024 * 1024 && signatures.some(([type]) => type === mime)

/** The same bytes under the type that they have, so that the browser reads them as nothing else. */
export async function asPicture(blob: Blob): Promise<Blob | undefined> {
  const type = pictureType(new Uint8Array(await blob.slice(0, 16).arrayBuffer()))
  return type === undefined ? undefined : new Blob([blob], { type })
}

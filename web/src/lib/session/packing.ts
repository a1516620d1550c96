/** Records as bytes: JSON in which a byte string is `{"$bytes": base64}`. Plain values, arrays and objects only. */

export function pack(value: unknown): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(
    JSON.stringify(value, (_, item: unknown) => (item instanceof Uint8Array ? { $bytes: toText(item) } : item)),
  )
}

export function unpack(bytes: Uint8Array): unknown {
  return JSON.parse(new TextDecoder().decode(bytes), (_, item: unknown) =>
    typeof item === "object" && item !== null && "$bytes" in item && typeof item.$bytes === "string"
      ? fromText(item.$bytes)
      : item,
  ) as unknown
}

const chunk = 0x8000

function toText(bytes: Uint8Array): string {
  let binary = ""
  for (let at = 0; at < bytes.length; at += chunk) binary += String.fromCharCode(...bytes.subarray(at, at + chunk))
  return btoa(binary)
}

function fromText(text: string): Uint8Array {
  const binary = atob(text)
  const bytes = new Uint8Array(binary.length)
  for (let i = 0; i < binary.length; i += 1) bytes[i] = binary.charCodeAt(i)
  return bytes
}

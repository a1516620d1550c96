/** Hands a small file that was made on this page to the browser's downloads. */
export function download(content: BlobPart, type: string, name: string): void {
  const url = URL.createObjectURL(new Blob([content], { type }))
  const link = document.createElement("a")
  link.href = url
  link.download = name
  link.click()
  // The browser reads on after the click.
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
}

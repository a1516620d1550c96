/** Where an opened file goes: always a disk, never memory as a whole. */

export interface Destination {
  /** Writes `plain` at `offset`; calls may overlap. */
  write(offset: number, plain: Uint8Array): Promise<void>
  /** All is written: hands the file to the user. */
  finish(): Promise<void>
  /** Nothing of it stays. */
  discard(): Promise<void>
}

type Picker = (options: { suggestedName: string }) => Promise<FileSystemFileHandle>

/**
 * Asks where to save, where the browser can (this must be called in a user's click), else takes the browser's
 * private disk and hands the file out as a download at the end. Rejects with AbortError when the user says no.
 */
export async function chooseDestination(id: string, name: string, mime: string): Promise<Destination> {
  const picker = (globalThis as { showSaveFilePicker?: Picker }).showSaveFilePicker
  if (picker) {
    try {
      return await picked(await picker.call(globalThis, { suggestedName: name }))
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") throw error
      // Not allowed here (no click, a frame): the private disk will do.
    }
  }
  return privateDisk(id, name, mime)
}

async function picked(handle: FileSystemFileHandle): Promise<Destination> {
  const writable = await handle.createWritable()
  return {
    write: (position, data) => writable.write({ type: "write", position, data: data as Uint8Array<ArrayBuffer> }),
    finish: () => writable.close(),
    discard: () => writable.abort().catch(() => undefined),
  }
}

const folderName = "careseal-downloads"

async function privateDisk(id: string, name: string, mime: string): Promise<Destination> {
  const root = await navigator.storage.getDirectory()
  const folder = await root.getDirectoryHandle(folderName, { create: true })
  const handle = await folder.getFileHandle(id, { create: true })
  const writable = await handle.createWritable()
  return {
    write: (position, data) => writable.write({ type: "write", position, data: data as Uint8Array<ArrayBuffer> }),
    async finish() {
      await writable.close()
      // A file of the private disk is read from there as it is saved: it is never whole in memory.
      offer(new Blob([await handle.getFile()], { type: mime }), name)
    },
    async discard() {
      await writable.abort().catch(() => undefined)
      await folder.removeEntry(id).catch(() => undefined)
    },
  }
}

function offer(file: Blob, name: string): void {
  const link = document.createElement("a")
  link.href = URL.createObjectURL(file)
  link.download = name
  document.body.append(link)
  link.click()
  link.remove()
  // The browser reads on after the click; the file itself goes at the next start of a page (below).
  setTimeout(() => URL.revokeObjectURL(link.href), 10 * 60_000)
}

/** Removes what earlier pages handed out through the private disk. */
export async function sweepPrivateDisk(olderThan = 60 * 60_000): Promise<void> {
  try {
    const root = await navigator.storage.getDirectory()
    const folder = await root.getDirectoryHandle(folderName)
    for await (const [name, handle] of folder.entries()) {
      const file = handle.kind === "file" ? await handle.getFile() : undefined
      if (file && Date.now() - file.lastModified > olderThan) await folder.removeEntry(name)
    }
  } catch {
    // No such folder, or no private disk: nothing to sweep.
  }
}

/** Where an opened file goes: always a disk, never memory as a whole. */

export interface Destination {
  /** Whether a page that is loaded again can go on with what is here. */
  lasting: boolean
  /** Lengths by offset of what was written by an earlier page. */
  present(): Promise<ReadonlyMap<number, number>>
  /** Writes `plain` at `offset`; calls may overlap. */
  write(offset: number, plain: Uint8Array): Promise<void>
  /** All `length` bytes are written: hands the file to the user. */
  finish(length: number): Promise<void>
  /** Nothing of it stays. */
  discard(): Promise<void>
}

type Picker = (options: { suggestedName: string }) => Promise<FileSystemFileHandle>

const nothing = (): Promise<ReadonlyMap<number, number>> => Promise.resolve(new Map())

/**
 * Asks where to save, where the browser can (this must be called in a user's click), else takes the browser's
 * private disk and hands the file out as a download at the end. Rejects with AbortError when the user says no.
 * In `parts`, each write is kept by itself, so that the next page can go on; else writes may overlap in any way.
 * `id` begins with the session's (`idOnDisk`).
 */
export async function chooseDestination(
  id: string,
  name: string,
  mime: string,
  how: "parts" | "stream",
): Promise<Destination> {
  const picker = (globalThis as { showSaveFilePicker?: Picker }).showSaveFilePicker
  if (picker) {
    try {
      return await picked(await picker.call(globalThis, { suggestedName: name }))
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") throw error
      // Not allowed here (no click, a frame): the private disk will do.
    }
  }
  return how === "parts" ? privateParts(id, name, mime) : privateDisk(id, name, mime)
}

async function picked(handle: FileSystemFileHandle): Promise<Destination> {
  const writable = await handle.createWritable()
  return {
    lasting: false,
    present: nothing,
    write: (position, data) => writable.write({ type: "write", position, data: data as Uint8Array<ArrayBuffer> }),
    async finish(length) {
      await writable.truncate(length)
      await writable.close()
    },
    discard: () => writable.abort().catch(() => undefined),
  }
}

/** What a file of a session is called on the private disk, so that it can go with its session. */
export const idOnDisk = (session: string, file: string): string => `${session}.${file}`

const folderName = "careseal-downloads"

const privateFolder = async (): Promise<FileSystemDirectoryHandle> =>
  (await navigator.storage.getDirectory()).getDirectoryHandle(folderName, { create: true })

async function privateDisk(id: string, name: string, mime: string): Promise<Destination> {
  const folder = await privateFolder()
  const handle = await folder.getFileHandle(id, { create: true })
  const writable = await handle.createWritable()
  return {
    lasting: false,
    present: nothing,
    write: (position, data) => writable.write({ type: "write", position, data: data as Uint8Array<ArrayBuffer> }),
    async finish(length) {
      await writable.truncate(length)
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

/** In a folder of the file that was handed out: it may go soon. */
const handedOut = "done"

/** A file for each part, named by its offset: what is written whole is there after a reload. */
export async function privateParts(id: string, name: string, mime: string): Promise<Destination> {
  const all = await privateFolder()
  const folder = await all.getDirectoryHandle(id, { create: true })
  await folder.removeEntry(handedOut).catch(() => undefined)
  const files = async (): Promise<[offset: number, file: File][]> => {
    const found: [number, File][] = []
    for await (const [offset, handle] of folder.entries())
      if (handle.kind === "file" && offset !== handedOut) found.push([Number(offset), await handle.getFile()])
    return found.sort(([a], [b]) => a - b)
  }
  return {
    lasting: true,
    present: async () => new Map((await files()).map(([offset, file]) => [offset, file.size])),
    async write(offset, plain) {
      const handle = await folder.getFileHandle(String(offset), { create: true })
      const writable = await handle.createWritable()
      await writable.write(plain as Uint8Array<ArrayBuffer>)
      await writable.close()
    },
    async finish() {
      // Files of the private disk are read from there as they are saved: nothing is whole in memory.
      offer(new Blob((await files()).map(([, file]) => file), { type: mime }), name)
      await folder.getFileHandle(handedOut, { create: true })
    },
    discard: () => all.removeEntry(id, { recursive: true }).catch(() => undefined),
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

const hour = 60 * 60_000

/** Removes what earlier pages handed out through the private disk, and what nobody went on with for a day. */
export async function sweepPrivateDisk(now = Date.now()): Promise<void> {
  try {
    const root = await navigator.storage.getDirectory()
    const folder = await root.getDirectoryHandle(folderName)
    for await (const [name, handle] of folder.entries()) {
      const { newest, finished } = await ageOf(handle)
      if (now - newest > (finished ? hour : 24 * hour)) await folder.removeEntry(name, { recursive: true })
    }
  } catch {
    // No such folder, or no private disk: nothing to sweep.
  }
}

/** Removes all that a session's files left there. */
export async function clearPrivateDisk(session: string): Promise<void> {
  try {
    const root = await navigator.storage.getDirectory()
    const folder = await root.getDirectoryHandle(folderName)
    const names: string[] = []
    for await (const name of folder.keys()) if (name.startsWith(idOnDisk(session, ""))) names.push(name)
    await Promise.allSettled(names.map((name) => folder.removeEntry(name, { recursive: true })))
  } catch {
    // No such folder, or no private disk: nothing to clear.
  }
}

async function ageOf(handle: FileSystemHandle): Promise<{ newest: number; finished: boolean }> {
  if (handle.kind === "file")
    return { newest: (await (handle as FileSystemFileHandle).getFile()).lastModified, finished: true }
  let newest = 0
  let finished = false
  for await (const [name, inside] of (handle as FileSystemDirectoryHandle).entries()) {
    finished ||= name === handedOut
    if (inside.kind === "file") newest = Math.max(newest, (await inside.getFile()).lastModified)
  }
  return { newest, finished }
}

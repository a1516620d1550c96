/**
 * What this device keeps: sealed records in IndexedDB. Each value is AES-GCM ciphertext under a key that the browser
 * made, keeps, and never hands out; the record's key is authenticated with it, so records cannot be swapped.
 */
import { openDB, type DBSchema, type IDBPDatabase } from "idb"
import { pack, unpack } from "./packing.ts"
import { SessionFailure } from "./types.ts"

/** `[kind, session id, ...]`; compared part by part, so a prefix names a range. */
export type RecordKey = readonly (string | number)[]

export type Change = { put: RecordKey; value: unknown } | { delete: RecordKey } | { deleteUnder: RecordKey }

interface Sealed {
  nonce: Uint8Array<ArrayBuffer>
  text: ArrayBuffer
}

interface Schema extends DBSchema {
  /** The wrapping key, and nothing else. */
  keys: { key: string; value: CryptoKey }
  records: { key: (string | number)[]; value: Sealed }
  /** File handles cannot be sealed; the browser guards what they lead to. */
  handles: { key: string; value: FileSystemFileHandle }
}

const standardName = "careseal"
const strict = { durability: "strict" } as const

export class Storage {
  private writing: Promise<void> = Promise.resolve()

  private constructor(
    /** One for all tabs of a browser profile. */
    readonly name: string,
    private readonly db: IDBPDatabase<Schema>,
    private readonly key: CryptoKey,
  ) {}

  /** Opens the database, making key and tables at the first time. Rejects with `storage-unavailable`. */
  static async open(name = standardName): Promise<Storage> {
    try {
      const db = await openDB<Schema>(name, 1, {
        upgrade(fresh) {
          fresh.createObjectStore("keys")
          fresh.createObjectStore("records")
          fresh.createObjectStore("handles")
        },
        blocking: (_, __, event) => (event.target as IDBDatabase).close(),
      })
      return new Storage(name, db, await wrappingKey(db))
    } catch (error) {
      throw new SessionFailure("storage-unavailable", error instanceof Error ? error.name : undefined)
    }
  }

  /** Whether this browser profile has kept nothing; no, where it cannot be told. Asked before it is opened. */
  static async isNew(name = standardName): Promise<boolean> {
    try {
      return (await indexedDB.databases()).every((known) => known.name !== name)
    } catch {
      return false
    }
  }

  async get(key: RecordKey): Promise<unknown> {
    const sealed = await this.db.get("records", [...key])
    return sealed && this.unseal(key, sealed)
  }

  /** All records whose keys begin with `prefix`, in the order of their keys. */
  async under(prefix: RecordKey): Promise<{ key: RecordKey; value: unknown }[]> {
    const range = rangeUnder(prefix)
    const read = this.db.transaction("records")
    const [keys, values] = await Promise.all([read.store.getAllKeys(range), read.store.getAll(range)])
    return Promise.all(
      keys.map(async (key, i) => ({ key, value: await this.unseal(key, values[i] ?? missing()) })),
    )
  }

  /**
   * All of the changes or none, after all writes before; resolves when they are on the disk. What may be lost in a power
   * cut, as it is only done again then, does not wait for the disk (`relaxed`).
   */
  write(changes: readonly Change[], durability: "strict" | "relaxed" = "strict"): Promise<void> {
    const written = this.writing
      .then(() => this.writeNow(changes, durability))
      .catch((error: unknown) => {
        throw new SessionFailure("storage-unavailable", error instanceof Error ? error.name : undefined)
      })
    this.writing = written.catch(() => undefined)
    return written
  }

  private async writeNow(changes: readonly Change[], durability: "strict" | "relaxed"): Promise<void> {
    if (changes.length === 0) return
    const sealed = await Promise.all(
      changes.map(async (change) => ("put" in change ? await this.seal(change.put, change.value) : undefined)),
    )
    const write = this.db.transaction("records", "readwrite", { durability })
    const settled: Promise<unknown>[] = changes.map((change, i) => {
      if ("put" in change) return write.store.put(sealed[i] ?? missing(), [...change.put])
      return write.store.delete("delete" in change ? [...change.delete] : rangeUnder(change.deleteUnder))
    })
    await Promise.all([...settled, write.done])
  }

  async handle(id: string): Promise<FileSystemFileHandle | undefined> {
    return this.db.get("handles", id)
  }

  async keepHandle(id: string, handle: FileSystemFileHandle): Promise<void> {
    await this.db.put("handles", handle, id)
  }

  async dropHandle(id: string): Promise<void> {
    await this.db.delete("handles", id)
  }

  close(): void {
    this.db.close()
  }

  private async seal(key: RecordKey, value: unknown): Promise<Sealed> {
    const nonce = crypto.getRandomValues(new Uint8Array(12))
    const text = await crypto.subtle.encrypt(this.algorithm(key, nonce), this.key, pack(value))
    return { nonce, text }
  }

  private async unseal(key: RecordKey, sealed: Sealed): Promise<unknown> {
    return unpack(new Uint8Array(await crypto.subtle.decrypt(this.algorithm(key, sealed.nonce), this.key, sealed.text)))
  }

  private algorithm(key: RecordKey, iv: Uint8Array<ArrayBuffer>): AesGcmParams {
    return { name: "AES-GCM", iv, additionalData: new TextEncoder().encode(JSON.stringify(key)) }
  }
}

/** Two tabs may come here at once; whose key is stored first wins. */
async function wrappingKey(db: IDBPDatabase<Schema>): Promise<CryptoKey> {
  const kept = await db.get("keys", "records")
  if (kept) return kept
  const made = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"])
  const write = db.transaction("keys", "readwrite", strict)
  const first = await write.store.get("records")
  if (!first) await write.store.put(made, "records")
  await write.done
  return first ?? made
}

function rangeUnder(prefix: RecordKey): IDBKeyRange {
  // In IndexedDB an array sorts behind every number and string, so [...prefix, []] closes the range.
  return IDBKeyRange.bound([...prefix], [...prefix, []])
}

function missing(): never {
  throw new Error("a record without a value")
}

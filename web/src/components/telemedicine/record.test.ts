import { expect, test } from "vitest"
import { type TimelineItem } from "../../lib/session/types"
import { recordHtml, recordJson, type RecordSource, type RecordWords } from "./record"

const sender = { memberId: "m", name: "<b>Ann</b>", role: "guest", self: false } as const
const timeline: TimelineItem[] = [
  { kind: "text", key: "a", seq: 1, at: 0, sender, text: "<script>alert(1)</script> & \"quoted\"" },
  {
    kind: "file",
    key: "b",
    seq: 2,
    at: 1000,
    sender,
    file: { id: "f", key: new Uint8Array([1, 2, 3]), size: 5, parts: 1, name: "a'b.txt", mime: "text/plain" },
  },
  { kind: "event", key: "seq:3", seq: 3, at: 2000, event: { type: "created" } },
]
const source: RecordSource = { title: "</title><img src=x>", madeAt: 0, participants: [], timeline }
const words: RecordWords = {
  language: "en",
  direction: "ltr",
  heading: "Record",
  made: "Made",
  people: "People",
  messages: "Messages",
  time: (at) => String(at),
  role: (role) => role,
  event: ({ event }) => event.type,
  file: (name) => `File ${name}`,
  somebody: "Somebody",
}

test("what people wrote stands in the page as text, never as markup", () => {
  const html = recordHtml(source, words)
  expect(html).not.toMatch(/<script|<img|<b>Ann/)
  expect(html).toContain("&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;quoted&quot;")
  expect(html).toContain("File a&#39;b.txt")
  expect(html).toContain("default-src 'none'")
})

test("the data holds every entry in order, and no key", () => {
  const record = JSON.parse(recordJson(source)) as { entries: Record<string, unknown>[] }
  expect(record.entries.map(({ kind }) => kind)).toEqual(["text", "file", "event"])
  expect(record.entries[1]).toEqual({
    at: "1970-01-01T00:00:01.000Z",
    kind: "file",
    from: "<b>Ann</b>",
    id: "b",
    file: { name: "a'b.txt", size: 5, mime: "text/plain" },
  })
})

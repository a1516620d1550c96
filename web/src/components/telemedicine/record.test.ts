// @vitest-environment happy-dom
import { expect, test } from "vitest"
import { type TimelineItem } from "../../lib/session/types"
import { recordHtml, recordJson, type RecordSource, type RecordWords } from "./record"

const sender = { memberId: "m", name: "<b>Ann</b>", role: "guest", self: false } as const
const timeline: TimelineItem[] = [
  { kind: "text", key: "a", message: "a", seq: 1, at: 0, sender, text: "<script>alert(1)</script> & \"quoted\"" },
  {
    kind: "file",
    key: "b",
    message: "b",
    seq: 2,
    at: 1000,
    sender,
    file: { id: "f", key: new Uint8Array([1, 2, 3]), size: 5, parts: 1, name: "a'b.txt", mime: "text/plain" },
  },
  { kind: "event", key: "seq:3", seq: 3, at: 2000, event: { type: "created" } },
]
const source: RecordSource = { id: "s", title: "</title><img src=x>", madeAt: 0, participants: [], timeline }
const words: RecordWords = {
  language: "en",
  direction: "ltr",
  heading: "Record",
  made: "Made",
  people: "People",
  messages: "Messages",
  starts: "",
  notes: "Notes",
  day: (at) => `Day ${Math.floor(at / 86_400_000)}`,
  clock: (at) => String(at),
  answers: (name) => `To ${name}`,
  role: (role) => role,
  event: ({ event }) => event.type,
  file: (name) => `File ${name}`,
  withdrawn: (was) => `Withdrawn ${was}`,
  edited: "edited",
  unsent: (what) => `${what} not sent`,
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

test("a message that was changed says so, and one that was withdrawn says nothing else", () => {
  const by = { at: 0, sender }
  const changed: TimelineItem[] = [
    { ...by, kind: "text", key: "c", message: "c", seq: 4, text: "two", edited: true, reactions: [{ emoji: "👍", names: ["Roe"], own: false }] },
    { ...by, kind: "withdrawn", key: "d", message: "d", seq: 5, was: "file" },
  ]
  const made = { ...source, timeline: changed }
  const html = recordHtml(made, words)
  expect(html).toContain("(edited)")
  expect(html).toContain("👍 1")
  expect(html).toContain("Withdrawn file")
  const record = JSON.parse(recordJson(made)) as { entries: Record<string, unknown>[] }
  expect(record.entries).toMatchObject([
    { kind: "text", text: "two", edited: true, reactions: [{ emoji: "👍", from: ["Roe"] }] },
    { kind: "file", id: "d", withdrawn: true },
  ])
  expect(record.entries[1]).not.toHaveProperty("file")
})

test("files are named by their place beside it, notes stand in it only when chosen, and days are told apart", () => {
  const later: TimelineItem = { kind: "text", key: "r", message: "r", seq: 9, at: 90_000_000, sender, text: "Thanks", reply: "b" }
  const made = {
    ...source,
    starts: 1000,
    timeline: [...timeline, later],
    files: new Map([["b", "files/1 a'b.txt"]]),
    notes: "Afraid <of> needles",
  }
  const html = recordHtml(made, words)
  expect(html).toContain('<code dir="ltr">files/1 a&#39;b.txt</code>')
  expect(html).toContain("Afraid &lt;of&gt; needles")
  expect(html.match(/<h3>Day \d<\/h3>/g)).toHaveLength(2)
  expect(html).toMatch(/<blockquote>.*To &lt;b&gt;Ann.*a&#39;b\.txt/)
  expect(html).not.toContain("<a ")
  const page = new DOMParser().parseFromString(html, "text/html")
  expect(page.querySelectorAll("main ol > li")).toHaveLength(4)
  expect(page.querySelectorAll("script, img, link, iframe")).toHaveLength(0)
  expect(JSON.parse(recordJson(made))).toMatchObject({
    format: "careseal-record",
    version: 1,
    session: "s",
    starts: "1970-01-01T00:00:01.000Z",
    notes: "Afraid <of> needles",
    entries: [{}, { file: { path: "files/1 a'b.txt" } }, {}, { reply: "b" }],
  })
  expect(recordHtml(source, words)).not.toContain("Notes")
  expect(JSON.parse(recordJson(source))).not.toHaveProperty("notes")
})

test("own words that the others never had are marked", () => {
  const own = { ...sender, self: true }
  const late: TimelineItem[] = [
    { kind: "text", key: "c", message: "c", seq: 4, at: 0, sender: own, text: "Take one", edited: true, state: "failed" },
    { kind: "text", key: "d", message: "d", at: 0, sender: own, text: "Too late", state: "failed" },
    { kind: "text", key: "e", message: "e", at: 0, sender: own, text: "Taken", state: "sent" },
  ]
  const html = recordHtml({ ...source, timeline: late }, words)
  expect(html).toMatch(/\(change not sent\).*Take one/)
  expect(html).toMatch(/\(message not sent\).*Too late/)
  const record = JSON.parse(recordJson({ ...source, timeline: late })) as { entries: { unsent?: string }[] }
  expect(record.entries.map(({ unsent }) => unsent)).toEqual(["change", "message", undefined])
})

import { expect, test } from "vitest"
import { sortOut } from "./sending"

const file = (name: string, content = "x") => new File([content], name)
const names = (files: readonly File[]) => files.map(({ name }) => name)

test("what is empty is not sent, a program and a second time are asked about", () => {
  const files = [file("knee.jpg"), file("nothing.txt", ""), file("setup.EXE"), file("old.pdf"), file("knee.jpg"), file("notes.sh.txt")]
  const sorted = sortOut(files, new Set(["1 old.pdf"]))
  expect(names(sorted.fine)).toEqual(["knee.jpg", "notes.sh.txt"])
  expect(sorted.empty).toEqual(["nothing.txt"])
  expect(sorted.doubtful.map(({ file: { name }, doubt }) => [name, doubt])).toEqual([
    ["setup.EXE", "program"],
    ["old.pdf", "again"],
    ["knee.jpg", "again"],
  ])
})

test("what has more parts than a file may have is refused before it is read", () => {
  const huge = Object.defineProperty(file("disk.img"), "size", { value: 2 ** 38 + 1 })
  expect(sortOut([huge], new Set()).tooLarge).toEqual(["disk.img"])
})

test("another file of the same name is another file", () => {
  expect(names(sortOut([file("scan.pdf", "second")], new Set(["5 scan.pdf"])).fine)).toEqual(["scan.pdf"])
})

import { describe, expect, test } from "vitest"
import { linkify } from "./linkify"

const links = (text: string): (string | undefined)[] =>
  linkify(text)
    .map(({ href }) => href)
    .filter((href) => href !== undefined)

describe("web addresses in a text", () => {
  test("are found, and the text around them is kept as it is", () => {
    const text = "See https://a.example/x, then\nhttp://b.example."
    expect(linkify(text).map((piece) => piece.text).join("")).toBe(text)
    expect(links(text)).toEqual(["https://a.example/x", "http://b.example/"])
  })

  test("keep brackets that were opened in them, not those around them", () => {
    expect(links("(https://a.example/plan(2026))")).toEqual(["https://a.example/plan(2026)"])
    expect(links("[https://a.example]")).toEqual(["https://a.example/"])
  })

  test("are http and https only", () =>
    expect(links("javascript:alert(1) data:text/html,x file:///etc ftp://a.example blob:https://a.example/1")).toEqual([
      "https://a.example/1",
    ]))

  test("with a name before the host stay text, for they show another host than they open", () =>
    expect(links("https://clinic.example@evil.example/")).toEqual([]))

  test("end before a character that turns the reading direction", () =>
    expect(links("https://a.example/\u202egnp.exe")).toEqual(["https://a.example/"]))

  test("that are none stay text", () => expect(linkify("https:// and http://[")).toEqual([{ text: "https:// and http://[" }]))
})

import { expect, test } from "vitest"
import { calendarFile } from "./calendar"

const entry = {
  uid: "abc@careseal",
  starts: Date.UTC(2026, 11, 1, 13, 30),
  minutes: 30,
  title: "Visit; Dr Roe, knee",
  text: "Line one\nLine two \\ end",
  now: Date.UTC(2026, 10, 26, 2, 0, 5),
}
const unfolded = (file: string): string[] => file.replace(/\r\n /g, "").split("\r\n")

test("times are in UTC, text is escaped, and every line ends as the RFC says", () => {
  const lines = unfolded(calendarFile(entry))
  expect(lines).toContain("DTSTART:20261201T133000Z")
  expect(lines).toContain("DTEND:20261201T140000Z")
  expect(lines).toContain("DTSTAMP:20261126T020005Z")
  expect(lines).toContain("SUMMARY:Visit\\; Dr Roe\\, knee")
  expect(lines).toContain("DESCRIPTION:Line one\\nLine two \\\\ end")
  expect(lines.at(-1)).toBe("")
  expect(calendarFile(entry).replaceAll("\r\n", "")).not.toMatch(/[\r\n]/)
})

test("the link stands in it only when it is given", () => {
  const link = `https://host/telemedicine/${"a".repeat(22)}#${"b".repeat(43)}`
  expect(calendarFile(entry)).not.toContain("URL")
  const lines = unfolded(calendarFile({ ...entry, link }))
  expect(lines).toContain(`URL:${link}`)
})

test("no line is longer than 75 bytes, and no character is cut", () => {
  const file = calendarFile({ ...entry, title: "ä".repeat(120), text: "😀".repeat(70) })
  for (const line of file.split("\r\n")) expect(new TextEncoder().encode(line).length).toBeLessThanOrEqual(75)
  expect(unfolded(file)).toContain(`SUMMARY:${"ä".repeat(120)}`)
  expect(unfolded(file)).toContain(`DESCRIPTION:${"😀".repeat(70)}`)
})

test("nothing that was put in ends a line or begins another property", () => {
  const file = calendarFile({ ...entry, title: "x\r\nATTACH:file:///etc\u0000\u2028" })
  expect(unfolded(file).some((line) => line.startsWith("ATTACH"))).toBe(false)
})

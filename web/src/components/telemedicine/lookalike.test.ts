import { describe, expect, test } from "vitest"
import { lookalike, skeleton } from "./lookalike"

const taken = ["Dr Roe", "Clinician"]

describe("a guest's name", () => {
  test.each([
    "Dr Roe",
    "dr. roe",
    "DR  ROE",
    "Dr Rое", // Cyrillic о and е
    "Dr R0e",
    "Ðr Roe".replace("Ð", "D"),
    "Dr\u200bRoe",
    "D\u0301r Roe",
    "Ｄｒ Ｒｏｅ",
    "Dr Roe (Clinician)",
    "Ann — CLINICIAN",
    "CIinician", // with a capital i
    "\u202eeoR rD".replace("\u202eeoR rD", "Dr\u202eRoe"),
    "Pаul", // Cyrillic а in a Latin word
  ])("%j could be taken for the clinician's", (name) => {
    expect(lookalike(name, taken)).toBe(true)
  })

  test.each(["Ann", "Roe", "Andrea", "Анна Петрова", "Ελένη", "عمر الحداد", "李小龍", "Müller-Lüdenscheidt", "Ann (Анна)", ""])(
    "%j could not",
    (name) => {
      expect(lookalike(name, taken)).toBe(false)
    },
  )

  test("keeps what the eye keeps", () => {
    expect(skeleton("Élodie Vernet")).toBe(skeleton("elodie vemet"))
  })

  test("is not held against a name of a letter or two", () => {
    expect(lookalike("Joanna", ["Jo"])).toBe(false)
  })
})

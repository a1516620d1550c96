/**
 * Whether a guest's name could be taken for a clinician's: the same letters to the eye, the word for the role in it, or
 * letters of several scripts in one word. Names are claims (docs/protocol.md §2.1); the role is what counts.
 */
import { t } from "../../i18n/index"
import { type Session } from "../../lib/session/types"

/** Letters of other scripts, and signs, by the Latin letter that they look like. */
const looks: Readonly<Record<string, string>> = {
  а: "a", в: "b", е: "e", ё: "e", з: "3", і: "i", ї: "i", ј: "j", к: "k", м: "m", н: "h", о: "o", р: "p", с: "c", т: "t", у: "y",
  х: "x", ѕ: "s", ԁ: "d", ԛ: "q", ԝ: "w", һ: "h", г: "r", п: "n", ь: "b",
  α: "a", β: "b", γ: "y", ε: "e", η: "n", ι: "i", κ: "k", μ: "u", ν: "v", ο: "o", ρ: "p", σ: "o", τ: "t", υ: "u", χ: "x", ω: "w",
  "0": "o", "1": "l", "|": "l", "5": "s", "$": "s", "@": "a", ı: "i", ł: "l", ø: "o", đ: "d",
} // prettier-ignore

/** What the eye keeps of a name: no case, marks, spaces and signs; what looks alike is the same letter. */
export function skeleton(name: string): string {
  const plain = name.normalize("NFKD").toLowerCase().replace(/[\p{M}\p{Cf}]/gu, "")
  const latin = Array.from(plain, (letter) => looks[letter] ?? letter).join("")
  return latin
    .replace(/[^\p{L}\p{N}]/gu, "")
    .replace(/rn/g, "m")
    .replace(/vv/g, "w")
    .replace(/[il]/g, "l")
}

const scripts = [/\p{Script=Latin}/u, /\p{Script=Cyrillic}/u, /\p{Script=Greek}/u, /\p{Script=Armenian}/u, /\p{Script=Cherokee}/u]

function mixes(name: string): boolean {
  return name.split(/[\s\p{P}]+/u).some((word) => scripts.filter((script) => script.test(word)).length > 1)
}

/** `taken`: names of clinicians, and words for their role. */
export function lookalike(name: string, taken: readonly string[]): boolean {
  if (mixes(name)) return true
  const seen = skeleton(name)
  return taken.some((each) => {
    const other = skeleton(each)
    return other.length >= 3 && seen.includes(other)
  })
}

/** What no guest should be called. */
export function clinicians({ participants }: Session): string[] {
  return [...participants.value.filter(({ role }) => role === "host").map(({ name }) => name), t("role.host")]
}

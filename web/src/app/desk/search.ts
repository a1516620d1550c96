/** Looking for a session on this device: by label, notes and names, whatever the accents. Pure. */

/** Letters that do not come apart into a base and a mark. */
const spelled: Readonly<Record<string, string>> = {
  ß: "ss", æ: "ae", œ: "oe", ø: "o", ł: "l", đ: "d", ð: "d", þ: "th", ı: "i", ـ: "",
}
const letters = new RegExp(`[${Object.keys(spelled).join("")}]`, "g")

/** As it is compared: no accents, no case, Arabic without vowel marks. */
export function folded(text: string): string {
  return text
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(letters, (letter) => spelled[letter] ?? letter)
    .replace(/\s+/gu, " ")
    .trim()
}

/** Every word of the query stands somewhere in one of the texts. */
export function matches(query: string, texts: readonly string[]): boolean {
  const whole = texts.map(folded).join("\n")
  return folded(query)
    .split(" ")
    .every((word) => whole.includes(word))
}

/** The language that this person chose on this device, before those that the browser names. */
import { chooseLanguage, languages, type Language } from "./index"

const key = "careseal.language"

/** The words of the page: as chosen earlier, else as the browser prefers. To be awaited before anything is shown. */
export const startLanguage = (): Promise<void> => chooseLanguage([...chosen(), ...navigator.languages])

/** Changes the words at once, and for the next time. */
export function changeLanguage(tag: Language): Promise<void> {
  try {
    localStorage.setItem(key, tag)
  } catch {
    // Without storage the choice lasts until the page is closed.
  }
  return chooseLanguage([tag, ...navigator.languages])
}

function chosen(): string[] {
  try {
    const tag = localStorage.getItem(key)
    return languages.some((each) => each.tag === tag) && tag !== null ? [tag] : []
  } catch {
    return []
  }
}

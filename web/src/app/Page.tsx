import { type ComponentChildren } from "preact"
import { useEffect } from "preact/hooks"
import { LanguageSelect } from "../components/LanguageSelect"
import { Brand } from "../components/Mark"
import { t } from "../i18n/index"
import { setTitle } from "./title"

/** A page that is one sheet: a title, a few words, one action. */
export function Page({ title, children }: { title: string; children?: ComponentChildren }) {
  useEffect(() => setTitle(title), [title])
  return (
    <div class="sheet">
      <header>
        <Brand />
      </header>
      <main class="stack" id="main">
        <h1>{title}</h1>
        {children}
      </main>
      <footer>
        <LanguageSelect />
      </footer>
    </div>
  )
}

/** While something loads: nothing for a moment, so that quick answers do not flicker. */
export function Loading({ words = t("app.loading") }: { words?: string }) {
  return (
    <div class="sheet">
      <header>
        <Brand />
      </header>
      <main id="main">
        <p class="quiet loading" role="status">
          {words}
        </p>
      </main>
    </div>
  )
}

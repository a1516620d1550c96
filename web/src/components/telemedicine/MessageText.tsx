import { type JSX } from "preact"
import { t } from "../../i18n/index"
import { linkify } from "./linkify"
import { findIn } from "./search"

/** Text as text, each paragraph in its own direction; only web addresses become links. */
export function MessageText({ text, found }: { text: string; found: string }): JSX.Element {
  return (
    <p class="text" dir="auto">
      {linkify(text).map((piece, i) =>
        piece.href === undefined ? (
          <Marked key={i} text={piece.text} found={found} />
        ) : (
          <Address key={i} text={piece.text} href={piece.href} found={found} />
        ),
      )}
    </p>
  )
}

/** Opens beside the visit and learns nothing of it. Who it leads to is told, above all where letters only look alike. */
function Address({ text, href, found }: { text: string; href: string; found: string }): JSX.Element {
  const { host } = new URL(href)
  const shown = text.toLowerCase().includes(host)
  return (
    <>
      <a href={href} target="_blank" rel="noopener noreferrer" dir="ltr" title={t("chat.opens", { host })}>
        <Marked text={text} found={found} />
      </a>
      {!shown && (
        <>
          {" "}
          <bdi class="small quiet">({host})</bdi>
        </>
      )}
    </>
  )
}

/** With what is searched for marked in it. */
export function Marked({ text, found }: { text: string; found: string }): JSX.Element {
  const pieces: (string | JSX.Element)[] = []
  let from = 0
  for (const [start, end] of findIn(text, found)) {
    pieces.push(text.slice(from, start), <mark key={start}>{text.slice(start, end)}</mark>)
    from = end
  }
  return (
    <>
      {pieces}
      {text.slice(from)}
    </>
  )
}

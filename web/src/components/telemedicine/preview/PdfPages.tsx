import { useEffect, useRef, useState } from "preact/hooks"
import { type PDFDocumentProxy, type PDFPageProxy } from "pdfjs-dist/legacy/build/pdf.mjs"
import { t } from "../../../i18n/index"
import { openPdf } from "./pdf"

interface Props {
  blob: Blob
  name: string
  zoom: number
  onFailed: () => void
}

const mostPages = 500
/** Pixels of one drawn page, 64 MiB: a sheet may claim to be a football pitch. */
const mostPixels = 16_000_000

/** All pages under one another, each drawn when it comes near. */
export default function PdfPages({ blob, name, zoom, onFailed }: Props) {
  const [pdf, setPdf] = useState<PDFDocumentProxy>()
  const box = useRef<HTMLDivElement>(null)
  const [width, setWidth] = useState(0)
  useEffect(() => {
    let close: (() => void) | undefined
    let gone = false
    openPdf(blob).then(
      (opened) => {
        if (gone) opened.close()
        else {
          close = opened.close
          setPdf(opened.pdf)
        }
      },
      () => {
        if (!gone) onFailed()
      },
    )
    return () => {
      gone = true
      close?.()
    }
  }, [blob])
  useEffect(() => {
    const element = box.current
    if (!element) return
    const measuring = new ResizeObserver(() => setWidth(element.clientWidth))
    measuring.observe(element)
    return () => measuring.disconnect()
  }, [])
  const count = Math.min(pdf?.numPages ?? 0, mostPages)
  return (
    <div ref={box} class="viewer-pages" tabIndex={0} role="document" aria-label={name}>
      {!pdf && <p role="status">{t("preview.opening")}</p>}
      {pdf &&
        width > 0 &&
        Array.from({ length: count }, (_, i) => (
          <PdfPage key={i} pdf={pdf} number={i + 1} width={Math.min(width - 32, 900) * zoom} />
        ))}
      {pdf && pdf.numPages > mostPages && <p>{t("preview.morePages", { count: mostPages })}</p>}
    </div>
  )
}

function PdfPage({ pdf, number, width }: { pdf: PDFDocumentProxy; number: number; width: number }) {
  const frame = useRef<HTMLDivElement>(null)
  const [near, setNear] = useState(number === 1)
  const [page, setPage] = useState<PDFPageProxy>()
  const [text, setText] = useState("")
  useEffect(() => {
    const element = frame.current
    if (!element) return
    const watching = new IntersectionObserver(([entry]) => setNear(entry?.isIntersecting ?? false), {
      root: element.parentElement,
      rootMargin: "100% 0%",
    })
    watching.observe(element)
    return () => watching.disconnect()
  }, [])
  useEffect(() => {
    if (!near || page) return
    void pdf.getPage(number).then(setPage, () => undefined)
  }, [near])
  useEffect(() => {
    if (page) void textOf(page).then(setText, () => undefined)
  }, [page])
  useEffect(() => {
    const element = frame.current
    if (!element) return
    const flat = page?.getViewport({ scale: 1 })
    element.style.inlineSize = `${width}px`
    element.style.aspectRatio = flat ? `${flat.width} / ${flat.height}` : "1 / 1.414"
    if (!page || !flat || !near) return
    const canvas = document.createElement("canvas")
    const wanted = (width / flat.width) * Math.min(2, devicePixelRatio)
    const scale = Math.min(wanted, Math.sqrt(mostPixels / (flat.width * flat.height)))
    const viewport = page.getViewport({ scale })
    canvas.width = Math.max(1, Math.floor(viewport.width))
    canvas.height = Math.max(1, Math.floor(viewport.height))
    const drawing = page.render({ canvas, viewport })
    drawing.promise.then(
      () => element.querySelector(".viewer-page-picture")?.replaceChildren(canvas),
      () => undefined, // overtaken by another size, or gone
    )
    return () => drawing.cancel()
  }, [page, near, width])
  return (
    <div ref={frame} class="viewer-page">
      <div class="viewer-page-picture" role="img" aria-label={t("preview.page", { at: String(number), total: String(pdf.numPages) })} />
      {text !== "" && <p class="unseen">{text}</p>}
    </div>
  )
}

/** What stands on the page, for those who have it read to them. */
async function textOf(page: PDFPageProxy): Promise<string> {
  const { items } = await page.getTextContent()
  return items.map((item) => ("str" in item ? item.str + (item.hasEOL ? "\n" : "") : "")).join("")
}

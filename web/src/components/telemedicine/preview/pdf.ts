/** A PDF, read by pdf.js in a worker of its own: no code in it is run, nothing is loaded from elsewhere, pages are drawn. */
import { getDocument, PDFWorker, version, type PDFDocumentProxy } from "pdfjs-dist/legacy/build/pdf.mjs"
import { startWorker } from "../../../lib/startWorker.ts"
import PdfWorkerUrl from "./pdfWorker.ts?worker&url"

const mostPixels = 64_000_000

/** Rejects when it is damaged or has a password; `close` ends the worker. */
export async function openPdf(blob: Blob): Promise<{ pdf: PDFDocumentProxy; close: () => void }> {
  const port = startWorker("pdf", PdfWorkerUrl)
  const close = (): void => port.terminate()
  try {
    const task = getDocument({
      data: new Uint8Array(await blob.arrayBuffer()),
      worker: PDFWorker.create({ port }),
      maxImageSize: mostPixels,
      enableXfa: false,
      useSystemFonts: true,
      useWorkerFetch: false,
      // Scans in JPEG 2000 and JBIG2 are decoded by plain script: the page's policy lets no WebAssembly run.
      useWasm: false,
      wasmUrl: new URL(`/assets/pdf-${version}/`, location.href).href,
    })
    return { pdf: await task.promise, close }
  } catch (error) {
    close()
    throw error
  }
}

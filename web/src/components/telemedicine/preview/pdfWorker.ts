/** Reads PDF outside of the page's thread; ends with the view. */
import "pdfjs-dist/legacy/build/pdf.worker.min.mjs"

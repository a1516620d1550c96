import { expect, test } from "vitest"
import { asPicture, mayBePicture, pictureType } from "./picture"

const png = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0]

test("the type of a picture is told by its bytes", () => {
  expect(pictureType(new Uint8Array(png))).toBe("image/png")
  expect(pictureType(new Uint8Array([0xff, 0xd8, 0xff, 0xe0]))).toBe("image/jpeg")
  expect(pictureType(new TextEncoder().encode("GIF89a"))).toBe("image/gif")
  expect(pictureType(new TextEncoder().encode("RIFF1234WEBPVP8 "))).toBe("image/webp")
})

test("pages and vector graphics are never shown, whatever they are called", async () => {
  for (const text of ["<svg xmlns='http://www.w3.org/2000/svg'/>", "<html>", "RIFF1234WAVE", ""])
    expect(await asPicture(new Blob([text], { type: "image/png" }))).toBeUndefined()
  expect(mayBePicture("image/svg+xml", 10)).toBe(false)
  expect(mayBePicture("text/html", 10)).toBe(false)
})

test("bytes are given to the browser under the type that they have", async () =>
  expect((await asPicture(new Blob([new Uint8Array(png)], { type: "text/html" })))?.type).toBe("image/png"))

test("previews are offered up to 20 MiB", () => {
  expect(mayBePicture("image/jpeg", 20 * 1024 * 1024)).toBe(true)
  expect(mayBePicture("image/jpeg", 20 * 1024 * 1024 + 1)).toBe(false)
})

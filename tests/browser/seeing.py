"""What somebody in a call sees of the other."""

from __future__ import annotations


def two_pictures(condition: str) -> str:
    """A script that resolves once the other's tile has shown two different pictures that fit.

    ``condition`` is an expression over ``mean`` (of red, green and blue) and ``data`` (RGBA).
    """
    return """
  async () => {
    const canvas = new OffscreenCanvas(64, 36)
    const context = canvas.getContext("2d", { willReadFrequently: true })
    const prints = new Set()
    const deadline = performance.now() + 40_000
    while (prints.size < 2) {
      await new Promise((next) => setTimeout(next, 50))
      if (performance.now() > deadline) throw new Error(document.body.innerText)
      const video = document.querySelector("figure.tile:not(.screen):not(.own) video")
      if (!video?.videoWidth) continue
      context.drawImage(video, 0, 0, 64, 36)
      const { data } = context.getImageData(0, 0, 64, 36)
      const mean = [0, 0, 0]
      data.forEach((value, at) => { if (at % 4 < 3) mean[at % 4] += value / (64 * 36) })
      if (CONDITION) prints.add(data.join())
    }
  }
""".replace("CONDITION", condition)

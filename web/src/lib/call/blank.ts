/** Tracks with nothing on them: they prove that a sender seals before anything of the user is put on it. */

/** Black, and as large as a camera, so that the browser measures the line for one. */
export function blankPicture(): MediaStreamTrack {
  const canvas = document.createElement("canvas")
  canvas.width = 640
  canvas.height = 360
  const context = canvas.getContext("2d", { alpha: false })
  const [track] = canvas.captureStream(30).getVideoTracks()
  if (!context || !track) throw new Error("a canvas cannot be captured here")
  const paint = (): void => {
    if (track.readyState === "ended") {
      clearInterval(painting)
      return
    }
    context.fillStyle = "#000"
    context.fillRect(0, 0, canvas.width, canvas.height)
  }
  const painting = setInterval(paint, 40)
  paint()
  return track
}

/** The microphone's twin with the sound taken out: silence, without the need of an audio context. */
export function silenced(microphone: MediaStreamTrack): MediaStreamTrack {
  const twin = microphone.clone()
  twin.enabled = false
  return twin
}

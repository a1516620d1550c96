/** What a transceiver may agree on with the other side (docs/protocol.md §7.2). */

/** Codecs whose frames can be sealed, and no header extension that tells of the room. */
export function limitTransceiver(transceiver: RTCRtpTransceiver, kind: "audio" | "video"): void {
  preferSealableCodecs(transceiver, kind)
  keepAudioLevelToOurselves(transceiver)
}

function preferSealableCodecs(transceiver: RTCRtpTransceiver, kind: "audio" | "video"): void {
  const wanted = kind === "audio" ? ["audio/opus"] : ["video/vp8", "video/rtx"]
  const codecs = RTCRtpReceiver.getCapabilities(kind)?.codecs ?? []
  transceiver.setCodecPreferences(codecs.filter(({ mimeType }) => wanted.includes(mimeType.toLowerCase())))
}

interface HeaderExtension {
  uri: string
  direction: string
}

/** Header extensions are not encrypted, and the loudness of speech tells a listener on the way who speaks when. */
function keepAudioLevelToOurselves(transceiver: RTCRtpTransceiver): void {
  const negotiable = transceiver as RTCRtpTransceiver & {
    getHeaderExtensionsToNegotiate?(): HeaderExtension[]
    setHeaderExtensionsToNegotiate?(extensions: HeaderExtension[]): void
  }
  const extensions = negotiable.getHeaderExtensionsToNegotiate?.()
  if (!extensions) return
  negotiable.setHeaderExtensionsToNegotiate?.(
    extensions.map(({ uri, direction }) => ({ uri, direction: uri.endsWith("audio-level") ? "stopped" : direction })),
  )
}

/** `replaceTrack` is all that changes; nobody pauses a direction. */
export function holdDirections(pc: RTCPeerConnection): void {
  for (const transceiver of pc.getTransceivers()) {
    if (transceiver.direction !== "sendrecv") transceiver.direction = "sendrecv"
  }
}

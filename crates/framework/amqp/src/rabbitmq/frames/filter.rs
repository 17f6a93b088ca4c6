//! Walks the frames of a connection, and repairs those that lapin cannot parse.

use ballet_core::envelope::unreadable::UnreadablePart;
use lapin::protocol::constants::FRAME_MIN_SIZE;

use crate::rabbitmq::frames::content::{NEEDED, is_sound, repaired, without_properties};
use crate::rabbitmq::frames::delivery::{DELIVER, make_readable};

/// How many bytes are read at once.
const CHUNK: usize = 64 * 1024;
/// The maximum size of a frame that is looked at. A content header may be longer than `frame_max`,
/// since the broker does not split it. Ways to publish other than AMQP limit it to about 20 MB;
/// AMQP does not, if the broker sets no limit. A longer content header loses its properties.
const LONGEST: usize = 32 * 1024 * 1024;

const METHOD: u8 = 1;
const CONTENT_HEADER: u8 = 2;
/// The octet at the end of a frame.
const END: u8 = 0xce;
/// Type, channel and size.
const HEAD: usize = 7;
/// The head and the octet at the end.
const OVERHEAD: usize = HEAD + 1;
/// Class and method of Connection.Tune, by which the broker says how long a frame may be.
const TUNE: [u8; 4] = [0, 10, 0, 30];

/// The bytes between the broker and lapin.
///
/// Body frames go through without a look. A method or a content header waits until all of its
/// frame has come.
#[derive(Debug)]
pub(super) struct FrameFilter {
    /// The bytes: those of `from..checked` may be handed out, those of `checked..end` are to be
    /// looked at, those after it are room.
    bytes: Vec<u8>,
    from: usize,
    checked: usize,
    end: usize,
    /// How much of the current frame is passed on without a look.
    pass: usize,
    /// How much of the current frame is dropped.
    drop: usize,
    /// The longest frame that lapin accepts.
    frame_max: usize,
    /// Names that could not be read in a delivery whose content header is still to come.
    names: Vec<([u8; 2], Vec<UnreadablePart>)>,
}

struct FrameHead {
    kind: u8,
    channel: [u8; 2],
    length: usize,
}

impl FrameHead {
    fn read(bytes: &[u8]) -> Option<Self> {
        let [kind, c1, c2, size @ ..] = bytes.first_chunk::<HEAD>()?;
        let size = usize::try_from(u32::from_be_bytes(*size)).unwrap_or(usize::MAX);
        Some(Self { kind: *kind, channel: [*c1, *c2], length: size.saturating_add(OVERHEAD) })
    }

    fn is_too_long(&self) -> bool {
        self.kind == CONTENT_HEADER && self.length > LONGEST
    }

    fn is_looked_at(&self) -> bool {
        matches!(self.kind, METHOD | CONTENT_HEADER) && self.length <= LONGEST
    }
}

impl FrameFilter {
    /// Makes a filter with the `frame_max` that the address asks for, if it does.
    pub(super) fn new(frame_max: Option<u32>) -> Self {
        Self {
            bytes: vec![0; CHUNK],
            from: 0,
            checked: 0,
            end: 0,
            pass: 0,
            drop: 0,
            frame_max: limit(frame_max.unwrap_or(0)),
            names: Vec::new(),
        }
    }

    /// Room for bytes from the broker. Never empty, and never more than a chunk.
    pub(super) fn room(&mut self) -> &mut [u8] {
        if self.from > 0 {
            self.bytes.copy_within(self.from..self.end, 0);
            self.checked -= self.from;
            self.end -= self.from;
            self.from = 0;
        }
        if self.end < CHUNK {
            // Gives back the memory of a long frame.
            self.bytes.truncate(CHUNK);
            self.bytes.shrink_to_fit();
        } else if self.end == self.bytes.len() {
            self.bytes.resize(self.end + CHUNK, 0);
        }
        let end = self.bytes.len().min(self.end + CHUNK);
        self.bytes.get_mut(self.end..end).unwrap_or_default()
    }

    /// Takes in the bytes that were put into the room, and looks at complete frames.
    pub(super) fn filled(&mut self, count: usize) {
        self.end = self.end.saturating_add(count).min(self.bytes.len());
        self.check();
    }

    /// The broker sends no more, so the rest is handed out as it is.
    pub(super) fn finish(&mut self) {
        self.checked = self.end;
    }

    /// Hands out bytes. Returns how many.
    pub(super) fn hand_out(&mut self, to: &mut [u8]) -> usize {
        let count = to.len().min(self.checked - self.from);
        let end = self.from + count;
        if let (Some(to), Some(from)) = (to.get_mut(..count), self.bytes.get(self.from..end)) {
            to.copy_from_slice(from);
        }
        self.from = end;
        count
    }

    fn check(&mut self) {
        loop {
            let passed = self.pass.min(self.end - self.checked);
            self.checked += passed;
            self.pass -= passed;
            self.drop_some();
            let rest = self.bytes.get(self.checked..self.end).unwrap_or_default();
            let is_inside = self.pass > 0 || self.drop > 0;
            let Some(head) = FrameHead::read(rest).filter(|_| !is_inside) else { return };
            if head.is_too_long() {
                if rest.len() < HEAD + NEEDED {
                    return;
                }
                self.shorten(&head);
            } else if !head.is_looked_at() {
                self.pass = head.length;
            } else if rest.len() < head.length {
                return;
            } else {
                let length = self.look_at(&head);
                self.checked += length;
            }
        }
    }

    /// Looks at the next frame, which is there as a whole. Returns its length now.
    fn look_at(&mut self, head: &FrameHead) -> usize {
        let (start, end) = (self.checked + HEAD, self.checked + head.length - 1);
        if head.kind == METHOD {
            let Some(payload) = self.bytes.get_mut(start..end) else { return head.length };
            if payload.starts_with(&DELIVER) {
                let names = make_readable(payload);
                if !names.is_empty() {
                    self.names.push((head.channel, names));
                }
            } else if let Some(frame_max) = tuned(payload) {
                self.frame_max = self.frame_max.min(limit(frame_max));
            }
            return head.length;
        }
        // Almost always empty.
        let names = if self.names.is_empty() { Vec::new() } else { self.take_names(head.channel) };
        let Some(payload) = self.bytes.get(start..end) else { return head.length };
        let fits = head.length <= self.frame_max;
        if fits && names.is_empty() && is_sound(payload) {
            return head.length;
        }
        let Some(repaired) = repaired(payload, names, self.frame_max - OVERHEAD) else {
            return head.length;
        };
        self.replace_payload(start, end, &repaired)
    }

    /// Replaces a content header that is too long to be looked at by a short frame, and drops all but the
    /// start of it.
    fn shorten(&mut self, head: &FrameHead) {
        let names = self.take_names(head.channel);
        let start = self.checked + HEAD;
        let Some(kept) = self.bytes.get(start..start + NEEDED) else { return };
        let payload = without_properties(kept, names, self.frame_max - OVERHEAD);
        self.drop = head.length - HEAD - NEEDED;
        self.checked = start + NEEDED;
        self.drop_some();
        // The bytes behind the frame, if its end has come.
        let length = self.replace_payload(start, self.checked, &payload);
        let end = start + payload.len();
        self.bytes.insert(end, END);
        self.end += 1;
        self.checked = start - HEAD + length;
    }

    fn drop_some(&mut self) {
        let count = self.drop.min(self.end - self.checked);
        if count > 0 {
            self.bytes.copy_within(self.checked + count..self.end, self.checked);
            self.end -= count;
            self.drop -= count;
        }
    }

    fn take_names(&mut self, channel: [u8; 2]) -> Vec<UnreadablePart> {
        let of = self.names.extract_if(.., |(of, _)| *of == channel);
        of.flat_map(|(_, parts)| parts).collect()
    }

    /// Returns the frame's length now.
    fn replace_payload(&mut self, start: usize, end: usize, payload: &[u8]) -> usize {
        let length = payload.len();
        let (moved, rest) = (start + length, self.end.saturating_sub(end));
        if moved + rest > self.bytes.len() {
            self.bytes.resize(moved + rest, 0);
        }
        self.bytes.copy_within(end..end + rest, moved);
        self.end = moved + rest;
        let size = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
        if let Some(frame) = self.bytes.get_mut(start - size.len()..moved) {
            let (old_size, old) = frame.split_at_mut(size.len());
            old_size.copy_from_slice(&size);
            old.copy_from_slice(payload);
        }
        length + OVERHEAD
    }
}

/// How long a frame may be, by a `frame_max`. 0 means that there is no limit. lapin raises a limit that
/// is too low.
fn limit(frame_max: u32) -> usize {
    match usize::try_from(frame_max) {
        Ok(0) | Err(_) => LONGEST,
        Ok(frame_max) => frame_max.max(FRAME_MIN_SIZE as usize),
    }
}

fn tuned(payload: &[u8]) -> Option<u32> {
    let rest = payload.strip_prefix(&TUNE)?;
    // After the maximum number of channels.
    Some(u32::from_be_bytes(*rest.get(2..)?.first_chunk()?))
}

//! Steps over the fields of AMQP, within given bytes.

/// The bytes that are still to be read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn octet(&mut self) -> Option<u8> {
        let (octet, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*octet)
    }

    pub(super) fn short(&mut self) -> Option<u16> {
        let (short, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u16::from_be_bytes(*short))
    }

    pub(super) fn long(&mut self) -> Option<u32> {
        let (long, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*long))
    }

    /// A text with one octet for its length.
    pub(super) fn short_text(&mut self) -> Option<&'a [u8]> {
        let length = self.octet()?;
        self.take(length.into())
    }

    /// Bytes with four octets for their length.
    pub(super) fn long_bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.long()?;
        self.take(usize::try_from(length).ok()?)
    }

    /// The bytes between an earlier state of this cursor and now.
    pub(super) fn since(&self, earlier: Self) -> &'a [u8] {
        earlier.0.get(..earlier.0.len().saturating_sub(self.0.len())).unwrap_or_default()
    }
}

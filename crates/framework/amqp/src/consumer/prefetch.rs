//! How many messages the broker may send ahead, by their size. AMQP counts messages only, and 500
//! bodies of 16 MiB would not fit into memory. Nor would 500 packs leave any to other replicas.

const BYTES: usize = 64 * 1024 * 1024;
/// The number of events ahead, for each message that the settings allow. The number of members
/// differs from pack to pack, and each change of the limit costs a new consumer.
const MEMBERS: usize = 8;
/// The number of messages before any size is known. A process that ran out of memory finds the same
/// messages when it starts again.
const FIRST: u16 = 16;

/// The number of messages that the broker may send ahead.
#[derive(Debug)]
pub struct Ahead {
    most: u16,
    count: u16,
    /// The number of messages, and their bytes, since the limit was last calculated.
    messages: usize,
    bytes: usize,
    members: usize,
}

impl Ahead {
    /// Begins with few. More than `most` are never sent ahead.
    #[must_use]
    pub fn new(most: u16) -> Self {
        let count = if most > 2 * FIRST { FIRST } else { most };
        Self { most, count, messages: 0, bytes: 0, members: 0 }
    }

    /// The number now.
    #[must_use]
    pub const fn count(&self) -> u16 {
        self.count
    }

    /// Takes in the size of a message that came, and the number of events in it.
    pub const fn delivered(&mut self, bytes: usize, members: usize) {
        self.messages += 1;
        self.members = self.members.saturating_add(members);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Adjusts the number to what was delivered. Returns true if it changed by much, since a change
    /// costs a new consumer.
    pub fn adjusts(&mut self) -> bool {
        if self.messages < usize::from(self.count).max(1) && self.bytes <= BYTES {
            return false;
        }
        let messages = self.messages.max(1);
        let by_bytes = BYTES / (self.bytes / messages).max(1);
        let by_members = usize::from(self.most) * MEMBERS * messages / self.members.max(1);
        let fits = u16::try_from(by_bytes.min(by_members)).unwrap_or(u16::MAX);
        let fits = fits.clamp(1, self.most.max(1));
        (self.messages, self.bytes, self.members) = (0, 0, 0);
        let changes =
            fits < self.count - self.count / 4 || fits > self.count.saturating_add(self.count / 2);
        if changes {
            self.count = fits;
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BIG: usize = 16 * 1024 * 1024;

    fn deliver(ahead: &mut Ahead, most: usize, bytes: usize) -> Option<usize> {
        (1..=most).find(|_| {
            ahead.delivered(bytes, 1);
            ahead.adjusts()
        })
    }

    #[test]
    fn small_messages_come_as_many_as_are_allowed() {
        let mut ahead = Ahead::new(500);
        assert_eq!((deliver(&mut ahead, 1000, 300), ahead.count()), (Some(16), 500));
        assert_eq!(deliver(&mut ahead, 10_000, 100_000), None);
        assert_eq!((Ahead::new(7).count(), Ahead::new(30).count()), (7, 30));
    }

    #[test]
    fn fewer_packs_come_the_more_they_bear() {
        let mut ahead = Ahead::new(500);
        deliver(&mut ahead, 16, 300);
        for members in [5, 7] {
            let adjusted = (0..1000).any(|_| {
                ahead.delivered(300, members);
                ahead.adjusts()
            });
            assert!(!adjusted, "{members}");
        }
        let adjusts = (0..501).any(|_| {
            ahead.delivered(300, 100);
            ahead.adjusts()
        });
        assert_eq!((adjusts, ahead.count()), (true, 40));
    }

    #[test]
    fn few_big_messages_come_until_they_are_small_again() {
        let mut ahead = Ahead::new(500);
        assert_eq!((deliver(&mut ahead, 16, BIG), ahead.count()), (Some(5), 4));
        assert_eq!(deliver(&mut ahead, 1000, BIG), None);
        assert!(deliver(&mut ahead, 10, 300).is_some());
        assert_eq!(ahead.count(), 500);
        assert_eq!((deliver(&mut ahead, 500, BIG), ahead.count()), (Some(5), 4));
        assert_eq!((deliver(&mut ahead, 9, 10 * BIG), ahead.count()), (Some(1), 1));
        assert_eq!(deliver(&mut ahead, 9, 10 * BIG), None);
    }
}

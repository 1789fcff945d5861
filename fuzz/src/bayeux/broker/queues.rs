//! What is delivered to one session: in order, all of it, and nothing again that is known to have arrived.

/// What a session was sent, and what of it is known to have arrived. The messages are numbered, each higher than all before.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// What is not known to have arrived.
    pub(super) expected: Vec<u64>,
    /// The last one that certainly arrived.
    floor: u64,
    /// The last one that may have.
    perhaps: u64,
    /// Messages may be missing: the broker drops the oldest.
    pub(super) has_holes: bool,
    /// Everything comes again until the client says that it is there.
    pub(super) acknowledges: bool,
}

/// What of a session is on its way over one connection.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) numbers: Vec<u64>,
    /// The session spoke through another connection meanwhile: it may be sent again.
    pub(super) is_doubtful: bool,
}

impl Heard {
    /// These are on their way.
    pub(super) fn check(&self, numbers: &[u64]) {
        assert!(
            numbers.is_sorted_by(|one, another| one < another),
            "{numbers:?} are out of order"
        );
        if self.acknowledges {
            return;
        }
        let Some(first) = numbers.first() else {
            return;
        };
        assert!(*first > self.floor, "{first} comes again");
        if self.has_holes {
            return;
        }
        let from = self.expected.iter().position(|it| it == first);
        let from = from.unwrap_or_else(|| panic!("{first} comes from nowhere"));
        let skipped = &self.expected[..from];
        assert!(
            skipped.iter().all(|it| *it <= self.perhaps),
            "{skipped:?} are skipped"
        );
        assert!(
            self.expected[from..].starts_with(numbers),
            "of {:?} come {numbers:?}",
            self.expected
        );
    }

    /// So many of those of a flight arrived.
    pub(super) fn arrive(&mut self, flight: &Flight, count: usize) {
        let Some(last) = count.checked_sub(1).and_then(|at| flight.numbers.get(at)) else {
            return;
        };
        self.perhaps = self.perhaps.max(*last);
        if !flight.is_doubtful && !self.acknowledges {
            self.floor = self.floor.max(*last);
            self.expected.retain(|it| it > last);
        }
    }

    /// Whether everything arrived, as far as anybody knows.
    pub(super) fn is_whole(&self) -> bool {
        self.expected.iter().all(|it| *it <= self.perhaps)
    }
}

//! Three-valued logic.

/// True, false, or not known from what is at hand.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[expect(missing_docs, reason = "the variants say it")]
pub enum Truth {
    False,
    Unknown,
    True,
}

impl Truth {
    /// Kleene's "and": false as soon as one side is.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.min(other)
    }

    /// Kleene's "or": true as soon as one side is.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        self.max(other)
    }

    /// Whether this is [`Truth::True`].
    pub fn is_true(self) -> bool {
        self == Truth::True
    }

    /// Whether this is [`Truth::False`].
    pub fn is_false(self) -> bool {
        self == Truth::False
    }

    /// "And" over all; true for none.
    pub fn all(truths: impl IntoIterator<Item = Truth>) -> Truth {
        truths.into_iter().fold(Truth::True, Truth::and)
    }

    /// "Or" over all; false for none.
    pub fn any(truths: impl IntoIterator<Item = Truth>) -> Truth {
        truths.into_iter().fold(Truth::False, Truth::or)
    }
}

impl std::ops::Not for Truth {
    type Output = Self;

    fn not(self) -> Self {
        match self {
            Truth::False => Truth::True,
            Truth::Unknown => Truth::Unknown,
            Truth::True => Truth::False,
        }
    }
}

impl From<bool> for Truth {
    fn from(value: bool) -> Self {
        if value { Truth::True } else { Truth::False }
    }
}

//! Sets of catalog actions.

use crate::catalog::ActionId;

/// A set of actions of one catalog, one bit each: 2.5 kB for all of AWS.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct ActionSet {
    words: Vec<u64>, // INVARIANT: the last word is not zero, so that equal sets are equal values.
}

impl ActionSet {
    /// The empty set.
    pub const fn empty() -> Self {
        Self { words: Vec::new() }
    }

    /// Adds one action.
    pub fn insert(&mut self, id: ActionId) {
        let (word, bit) = place(id);
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        if let Some(word) = self.words.get_mut(word) {
            *word |= bit;
        }
    }

    /// Whether the action is inside.
    pub fn contains(&self, id: ActionId) -> bool {
        let (word, bit) = place(id);
        self.words.get(word).is_some_and(|word| word & bit != 0)
    }

    /// Number of actions.
    pub fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Adds all of `other`.
    pub fn extend(&mut self, other: &Self) {
        if self.words.len() < other.words.len() {
            self.words.resize(other.words.len(), 0);
        }
        for (word, more) in self.words.iter_mut().zip(&other.words) {
            *word |= more;
        }
    }

    /// Takes all of `other` away.
    pub fn remove_all(&mut self, other: &Self) {
        for (word, less) in self.words.iter_mut().zip(&other.words) {
            *word &= !less;
        }
        self.trim();
    }

    /// What is in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let mut both = Self { words: self.words.iter().zip(&other.words).map(|(a, b)| a & b).collect() };
        both.trim();
        both
    }

    /// Whether something is in both.
    pub fn intersects(&self, other: &Self) -> bool {
        self.words.iter().zip(&other.words).any(|(a, b)| a & b != 0)
    }

    /// Whether everything in `self` is in `other`.
    pub fn is_subset(&self, other: &Self) -> bool {
        let theirs = other.words.iter().copied().chain(std::iter::repeat(0));
        self.words.iter().zip(theirs).all(|(own, theirs)| own & !theirs == 0)
    }

    /// The actions in catalog order, which is the order of their lower-case names.
    pub fn iter(&self) -> impl Iterator<Item = ActionId> + '_ {
        self.words.iter().enumerate().flat_map(|(index, word)| {
            (0..64)
                .filter(move |bit| word >> bit & 1 == 1)
                .filter_map(move |bit| ActionId::from_index(index * 64 + bit))
        })
    }

    fn trim(&mut self) {
        let n = self.words.iter().rposition(|word| *word != 0).map_or(0, |last| last + 1);
        self.words.truncate(n);
    }
}

impl FromIterator<ActionId> for ActionSet {
    fn from_iter<I: IntoIterator<Item = ActionId>>(ids: I) -> Self {
        let mut set = Self::default();
        ids.into_iter().for_each(|id| set.insert(id));
        set
    }
}

fn place(id: ActionId) -> (usize, u64) {
    (id.index() / 64, 1 << (id.index() % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(indices: &[usize]) -> ActionSet {
        indices.iter().filter_map(|index| ActionId::from_index(*index)).collect()
    }

    fn indices(set: &ActionSet) -> Vec<usize> {
        set.iter().map(ActionId::index).collect()
    }

    #[test]
    fn sets_behave_as_sets() {
        let (a, b) = (set(&[0, 63, 64, 500]), set(&[63, 64, 65]));
        assert_eq!(indices(&a), [0, 63, 64, 500]);
        assert_eq!(indices(&a.intersection(&b)), [63, 64]);
        let mut union = a.clone();
        union.extend(&b);
        assert_eq!((union.len(), indices(&union)), (5, vec![0, 63, 64, 65, 500]));
        let mut difference = a.clone();
        difference.remove_all(&b);
        assert_eq!(indices(&difference), [0, 500]);
        assert!(a.intersects(&b) && !difference.intersects(&b));
        assert!(set(&[63]).is_subset(&b) && !a.is_subset(&b) && !set(&[500]).is_subset(&b));
        assert!(ActionSet::empty().is_subset(&b) && ActionSet::empty().is_empty());
    }

    #[test]
    fn equal_sets_are_equal_values() {
        let mut a = set(&[1, 900]);
        a.remove_all(&set(&[900]));
        assert_eq!(a, set(&[1]));
        assert_eq!(set(&[5]).intersection(&set(&[700])), ActionSet::empty());
    }
}

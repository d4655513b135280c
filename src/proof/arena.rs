//! Values stored once and known by a number.

use std::hash::Hash;
use std::rc::Rc;

use hashbrown::HashMap;

/// Equal values get equal numbers, counted from zero.
#[derive(Debug)]
pub(super) struct Arena<T> {
    items: Vec<Rc<T>>,
    numbers: HashMap<Rc<T>, u32>,
    /// What an unknown number shows; none is ever given out.
    nothing: Rc<T>,
}

impl<T: Default + Eq + Hash> Arena<T> {
    pub(super) fn new() -> Self {
        Self { items: Vec::new(), numbers: HashMap::new(), nothing: Rc::new(T::default()) }
    }

    /// The number of `item`.
    pub(super) fn put(&mut self, item: T) -> u32 {
        if let Some(number) = self.numbers.get(&item) {
            return *number;
        }
        let item = Rc::new(item);
        let number = u32::try_from(self.items.len()).unwrap_or(u32::MAX);
        self.items.push(Rc::clone(&item));
        self.numbers.insert(item, number);
        number
    }

    /// The value behind a number.
    pub(super) fn at(&self, number: u32) -> Rc<T> {
        let item = usize::try_from(number).ok().and_then(|number| self.items.get(number));
        Rc::clone(item.unwrap_or(&self.nothing))
    }
}

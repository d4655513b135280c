//! Calls on objects of buckets, remembered without the object: the next one, whose object is all that is new, is not parsed.

use std::sync::Arc;

use super::Call;
use super::calls::CallView;
use super::text::{Fingerprint, Texts};
use crate::catalog::{Needs, Resource};
use crate::record::RawObject;

/// A call on one object, from which the same call on another follows.
#[derive(Clone, Debug)]
pub(super) struct ObjectCall {
    /// As it was told of one object, nothing folded.
    call: Call,
    /// The needs of the call, by place, that are on the object.
    on_object: Vec<usize>,
    /// See [`super::memo::Known`].
    pub(super) place: usize,
    content: Content,
}

/// What a fingerprint is made of, with two holes.
#[derive(Clone, Debug)]
struct Content {
    bytes: Box<[u8]>,
    /// Where the key stands, with its length before it, and where the ARN stands likewise: sorted.
    holes: [Hole; 2],
}

#[derive(Clone, Copy, Debug)]
struct Hole {
    start: usize,
    end: usize,
    is_arn: bool,
}

/// Calls that say more than this are not remembered.
const MOST_BYTES: usize = 4_096;
/// Bytes of a length, as [`crate::record::Json::write_to`] writes it before a text.
const LENGTH: usize = 8;

impl ObjectCall {
    /// Takes the object out of a call; `None` when it may stand elsewhere too. `met` is what the call needed before anything was
    /// folded, `content` what its fingerprint is made of.
    pub(super) fn of(
        call: CallView<'_>,
        met: Needs,
        (place, content): (usize, &[u8]),
        object: &RawObject<'_>,
        texts: &mut Texts,
    ) -> Option<Self> {
        let content = Content::of(content, object)?;
        let mut on_object = Vec::new();
        for (at, need) in met.needs.iter().enumerate() {
            match need.resources.as_slice() {
                [Resource::Arn(arn)] if arn == object.arn => on_object.push(at),
                [Resource::Arn(arn)] if !arn.contains(object.key) => {}
                [Resource::None | Resource::Unknown(_)] => {}
                _ => return None,
            }
            if need.context.iter().any(|(_, value)| value.contains(object.key)) {
                return None;
            }
        }
        Some(Self { call: call.to_call(Arc::new(met), texts), on_object, place, content })
    }

    /// The call, with the needs it has on an object.
    pub(super) fn view<'a>(&'a self, needs: &'a Needs) -> CallView<'a> {
        CallView { needs, ..self.call.view() }
    }

    /// What the call needs on an object.
    pub(super) fn needs(&self, object: &RawObject<'_>) -> Needs {
        let mut needs = Needs::clone(&self.call.needs);
        for at in &self.on_object {
            let need = needs.needs.get_mut(*at);
            if let Some(Resource::Arn(arn)) = need.and_then(|need| need.resources.first_mut()) {
                object.arn.clone_into(arn);
            }
        }
        needs
    }

    /// The fingerprint of the call on an object. `room` is written over.
    pub(super) fn print(&self, object: &RawObject<'_>, room: &mut Vec<u8>) -> u64 {
        self.content.write(object, room);
        let mut print = Fingerprint::new();
        print.bytes(room);
        print.value()
    }
}

impl Content {
    /// The key must stand in it twice: as a text of its own, and at the end of the ARN.
    fn of(bytes: &[u8], object: &RawObject<'_>) -> Option<Self> {
        if bytes.len() > MOST_BYTES {
            return None;
        }
        let mut places = memchr::memmem::find_iter(bytes, object.key.as_bytes());
        let ends = [places.next()? + object.key.len(), places.next()? + object.key.len()];
        if places.next().is_some() {
            return None;
        }
        let hole = |end: usize| {
            [(object.arn, true), (object.key, false)].into_iter().find_map(|(text, is_arn)| {
                let start = end.checked_sub(text.len() + LENGTH)?;
                let (length, written) = bytes.get(start..end)?.split_first_chunk::<LENGTH>()?;
                let is_here = *length == (text.len() as u64).to_le_bytes() && written == text.as_bytes();
                is_here.then_some(Hole { start, end, is_arn })
            })
        };
        let holes = [hole(ends[0])?, hole(ends[1])?];
        (holes[0].is_arn != holes[1].is_arn).then(|| Self { bytes: bytes.into(), holes })
    }

    fn write(&self, object: &RawObject<'_>, into: &mut Vec<u8>) {
        into.clear();
        let mut start = 0;
        for Hole { start: hole, end, is_arn } in self.holes {
            let text = if is_arn { object.arn } else { object.key };
            into.extend_from_slice(self.bytes.get(start..hole).unwrap_or_default());
            into.extend_from_slice(&(text.len() as u64).to_le_bytes());
            into.extend_from_slice(text.as_bytes());
            start = end;
        }
        into.extend_from_slice(self.bytes.get(start..).unwrap_or_default());
    }
}

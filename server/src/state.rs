//! [`State`]: the JSON that is mirrored.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

use mirrorball_protocol::json::{Json, Limits, Pointer, PointerError, Value};
use tokio::sync::watch;

/// Server state that any task may read and change, and that connections mirror.
///
/// A handle is one pointer: clone it freely. Reading takes a snapshot, which costs nothing and never
/// changes; a change copies the path to what it touches.
///
/// ```
/// use mirrorball_server::{State, Value};
///
/// let state = State::default();
/// state.set("/devices/a7/power", 80)?;
/// let before = state.snapshot();
/// state.update(|draft| {
///     draft.set("/devices/a7/power", 60)?;
///     draft.set("/devices/a7/on", true)
/// })?;
/// assert_eq!(before.to_text(), r#"{"devices":{"a7":{"power":80}}}"#);
/// assert_eq!(state.at("/devices/a7/on")?, Some(Value::Bool(true)));
/// # Ok::<(), mirrorball_server::StateError>(())
/// ```
#[derive(Clone, Debug)]
pub struct State {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// Held while a change is made, so that changes do not overtake each other. Whoever follows each of them
    /// has a trail here.
    change: Mutex<Vec<Weak<Trail>>>,
    current: watch::Sender<Snapshot>,
    allows_proto_key: AtomicBool,
}

/// Changes that somebody has not seen yet, in order.
type Trail = Mutex<VecDeque<Snapshot>>;

/// Changes on one trail; where there are more, the last ones are seen as one.
const TRAIL: usize = 1_024;

/// The key that is refused unless it is allowed: assigning to it changes what an object of JS is.
const PROTO_KEY: &str = "__proto__";

/// A state as it was at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    /// Rises with every change.
    pub(crate) version: u64,
    pub(crate) value: Value,
}

/// Why a state was not changed, or not read. The caller is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// The path is no JSON pointer.
    #[error("`{path}` is no JSON pointer: {error}")]
    Pointer {
        /// The path.
        path: String,
        /// What is wrong with it.
        error: PointerError,
    },
    /// The path goes through a scalar, or names no place in an array.
    #[error(
        "`{0}` names no place: every part but the last has to name an object or an item of an array"
    )]
    Place(String),
    /// The state would be nested too deep for its readers.
    #[error("at `{path}` the state would be nested deeper than {limit} levels")]
    Depth {
        /// The path.
        path: String,
        /// The levels that are allowed.
        limit: usize,
    },
    /// A key of the state would be `__proto__`.
    #[error(
        "at `{0}` the state would have a key `__proto__`, which public peers take for more than data: use \
         another key, or `State::allow_proto_key`"
    )]
    ProtoKey(String),
}

impl Default for State {
    /// The state `null`.
    fn default() -> Self {
        Self::new(Value::Null)
    }
}

impl State {
    /// A state that begins as `value`.
    ///
    /// `value` is the program's own, and taken as it is. What others wrote is set with [`set`](Self::set),
    /// which checks it.
    #[must_use]
    pub fn new(value: impl Into<Value>) -> Self {
        let first = Snapshot {
            version: 0,
            value: value.into(),
        };
        let current = watch::Sender::new(first);
        Self {
            shared: Arc::new(Shared {
                change: Mutex::new(Vec::new()),
                current,
                allows_proto_key: AtomicBool::new(false),
            }),
        }
    }

    /// Allows keys that are `__proto__`, from now on and for every handle of this state.
    ///
    /// The package `mirrorball` takes them for data. `@hat-open/juggler` assigns to them, and so changes the
    /// prototypes of a page's objects.
    #[must_use]
    pub fn allow_proto_key(self) -> Self {
        self.shared.allows_proto_key.store(true, Ordering::Relaxed);
        self
    }

    /// The whole state as it is now.
    #[must_use]
    pub fn snapshot(&self) -> Value {
        self.current().value
    }

    pub(crate) fn current(&self) -> Snapshot {
        self.shared.current.borrow().clone()
    }

    /// What is at `path`, a JSON pointer; `None` where nothing is.
    ///
    /// # Errors
    ///
    /// [`StateError::Pointer`].
    pub fn at(&self, path: &str) -> Result<Option<Value>, StateError> {
        at(&self.snapshot(), path)
    }

    /// Sets what is at `path`, a JSON pointer. Missing objects on the way are made; `-` names the end of an
    /// array.
    ///
    /// # Errors
    ///
    /// Any [`StateError`]; the state is what it was before.
    pub fn set(&self, path: &str, value: impl Into<Value>) -> Result<(), StateError> {
        let value = value.into();
        self.update(|draft| draft.set(path, value))
    }

    /// Removes and returns what is at `path`, a JSON pointer; `None` where nothing is.
    ///
    /// # Errors
    ///
    /// [`StateError::Pointer`].
    pub fn remove(&self, path: &str) -> Result<Option<Value>, StateError> {
        self.update(|draft| draft.remove(path))
    }

    /// Makes several changes as one: readers see all of them or none. Where `change` returns an error, or
    /// panics, there was no change.
    ///
    /// Inside, the draft is to be read and changed; changing the state itself there waits for ever.
    ///
    /// # Errors
    ///
    /// What `change` returns.
    pub fn update<T, E>(&self, change: impl FnOnce(&mut Draft) -> Result<T, E>) -> Result<T, E> {
        // There is nothing behind the lock that a panic could have left half done.
        let mut trails = self
            .shared
            .change
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let Snapshot { version, value } = self.current();
        let mut draft = Draft {
            value: value.clone(),
            allows_proto_key: self.shared.allows_proto_key.load(Ordering::Relaxed),
        };
        let result = change(&mut draft)?;
        let same = draft.value.is_same(&value) || (!value.is_container() && draft.value == value);
        if !same {
            let next = Snapshot {
                version: version + 1,
                value: draft.value,
            };
            trails.retain(|trail| trail.upgrade().map(|trail| extend(&trail, &next)).is_some());
            self.shared.current.send_replace(next);
        }
        Ok(result)
    }

    /// Follows each change of the state from now on.
    pub(crate) fn steps(&self) -> Steps {
        let trail = Arc::new(Trail::default());
        let mut trails = self
            .shared
            .change
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        trails.push(Arc::downgrade(&trail));
        Steps {
            trail,
            current: self.shared.current.subscribe(),
        }
    }

    /// Follows the state from now on.
    #[must_use]
    pub fn changes(&self) -> Changes {
        Changes {
            current: self.shared.current.subscribe(),
        }
    }
}

/// A state that is being changed, in [`State::update`].
#[derive(Clone, Debug)]
pub struct Draft {
    value: Value,
    allows_proto_key: bool,
}

impl Draft {
    /// The whole state, with the changes so far.
    #[must_use]
    pub const fn value(&self) -> &Value {
        &self.value
    }

    /// As [`State::at`].
    ///
    /// # Errors
    ///
    /// [`StateError::Pointer`].
    pub fn at(&self, path: &str) -> Result<Option<Value>, StateError> {
        at(&self.value, path)
    }

    /// As [`State::set`].
    ///
    /// # Errors
    ///
    /// Any [`StateError`]; the draft is what it was before, but for objects made on the way.
    pub fn set(&mut self, path: &str, value: impl Into<Value>) -> Result<(), StateError> {
        let value = value.into();
        let pointer = parse(path)?;
        // The server is trusted with the size of its own state, but no reader takes what is too deep.
        let mut limits = Limits::default();
        let limit = limits.depth;
        (limits.nodes, limits.bytes) = (usize::MAX, usize::MAX);
        let size = value.measure(&limits);
        if size.is_none_or(|size| pointer.tokens().len() + size.depth > limit) {
            return Err(StateError::Depth {
                path: path.to_owned(),
                limit,
            });
        }
        if !self.allows_proto_key
            && (pointer.tokens().iter().any(|token| **token == *PROTO_KEY) || has_proto_key(&value))
        {
            return Err(StateError::ProtoKey(path.to_owned()));
        }
        let mut place = &mut self.value;
        for token in pointer.tokens() {
            if place.is_null() {
                *place = Value::Object(mirrorball_protocol::json::Object::default());
            }
            place = enter(place, token).ok_or_else(|| StateError::Place(path.to_owned()))?;
        }
        *place = value;
        Ok(())
    }

    /// As [`State::remove`].
    ///
    /// # Errors
    ///
    /// [`StateError::Pointer`].
    pub fn remove(&mut self, path: &str) -> Result<Option<Value>, StateError> {
        let pointer = parse(path)?;
        let Some((last, parents)) = pointer.tokens().split_last() else {
            return Ok(Some(std::mem::take(&mut self.value)));
        };
        if self.at(path)?.is_none() {
            return Ok(None);
        }
        let mut place = &mut self.value;
        for token in parents {
            place = enter(place, token).ok_or_else(|| StateError::Place(path.to_owned()))?;
        }
        Ok(match place {
            Value::Object(object) => object.remove(last),
            Value::Array(array) => index(last).and_then(|index| array.remove(index)),
            _ => None,
        })
    }
}

fn at(root: &Value, path: &str) -> Result<Option<Value>, StateError> {
    let pointer = parse(path)?;
    let mut place = root;
    for token in pointer.tokens() {
        let inner = match place {
            Value::Object(object) => object.get(token),
            Value::Array(array) => index(token).and_then(|index| array.get(index)),
            _ => None,
        };
        match inner {
            Some(inner) => place = inner,
            None => return Ok(None),
        }
    }
    Ok(Some(place.clone()))
}

/// Whether a key somewhere in `value`, which is not too deep, is `__proto__`.
fn has_proto_key(value: &Value) -> bool {
    match value {
        Value::Array(array) => array.iter().any(has_proto_key),
        Value::Object(object) => {
            object.get(PROTO_KEY).is_some() || object.iter().any(|(_, value)| has_proto_key(value))
        }
        _ => false,
    }
}

/// Adds a change to what somebody has not seen yet.
fn extend(trail: &Trail, next: &Snapshot) {
    let mut trail = trail.lock().unwrap_or_else(PoisonError::into_inner);
    if trail.len() >= TRAIL {
        trail.pop_back();
    }
    trail.push_back(next.clone());
}

/// The member or item `token` of `place`, made where it can be.
fn enter<'a>(place: &'a mut Value, token: &str) -> Option<&'a mut Value> {
    match place {
        Value::Object(object) => object.get_or_insert(token),
        Value::Array(array) => {
            let end = array.len();
            let index = if token == "-" { end } else { index(token)? };
            if index == end {
                array.push(Value::Null);
            }
            array.get_mut(index)
        }
        _ => None,
    }
}

fn index(token: &str) -> Option<usize> {
    mirrorball_protocol::json::array_index(token)
}

fn parse(path: &str) -> Result<Pointer<Arc<str>>, StateError> {
    Pointer::parse(&path.into()).map_err(|error| StateError::Pointer {
        path: path.to_owned(),
        error,
    })
}

/// Follows a [`State`].
#[derive(Clone, Debug)]
pub struct Changes {
    current: watch::Receiver<Snapshot>,
}

impl Changes {
    /// Waits for the state to be another than when this was last asked, and returns it. Changes that came in
    /// between are seen as one. `None` once no handle of the state is left.
    ///
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Value> {
        self.changed().await?;
        Some(self.latest().value)
    }

    /// Waits as [`next`](Self::next) does.
    pub(crate) async fn changed(&mut self) -> Option<()> {
        self.current.changed().await.ok()
    }

    /// The state as it is now, which counts as seen.
    pub(crate) fn latest(&mut self) -> Snapshot {
        self.current.borrow_and_update().clone()
    }
}

/// Follows each change of a [`State`].
#[derive(Debug)]
pub(crate) struct Steps {
    trail: Arc<Trail>,
    current: watch::Receiver<Snapshot>,
}

impl Steps {
    /// Waits for the next change. `None` once no handle of the state is left.
    ///
    /// Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Option<Snapshot> {
        loop {
            let next = self
                .trail
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop_front();
            if next.is_some() {
                return next;
            }
            // A change is on the trail before it is current.
            self.current.changed().await.ok()?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(text: &str) -> State {
        let value: Value = serde_json::from_str(text).unwrap();
        State::new(value)
    }

    #[test]
    fn an_update_is_whole_or_not_at_all() {
        let state = state(r#"{"a":1,"b":2}"#);
        let error = state.update(|draft| {
            draft.set("/a", 10)?;
            draft.set("/b/c", 20)
        });
        assert_eq!(error, Err(StateError::Place("/b/c".to_owned())));
        assert_eq!(state.snapshot().to_text(), r#"{"a":1,"b":2}"#);
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            state.update(|draft| -> Result<(), StateError> {
                draft.set("/a", 10)?;
                panic!("in the middle");
            })
        }));
        assert!(panicked.is_err());
        assert_eq!(state.snapshot().to_text(), r#"{"a":1,"b":2}"#);
        state.set("/a", 3).unwrap();
        assert_eq!(state.snapshot().to_text(), r#"{"a":3,"b":2}"#);
    }

    #[test]
    fn paths_are_made_and_arrays_grow() {
        let state = State::default();
        state.set("/a/b", vec![1, 2]).unwrap();
        state.set("/a/b/-", 3).unwrap();
        state.set("/a/b/3", 4).unwrap();
        assert_eq!(state.snapshot().to_text(), r#"{"a":{"b":[1,2,3,4]}}"#);
        assert_eq!(state.remove("/a/b/0").unwrap(), Some(1.into()));
        assert_eq!(state.remove("/a/b/9").unwrap(), None);
        assert_eq!(state.remove("/x/y").unwrap(), None);
        assert_eq!(state.snapshot().to_text(), r#"{"a":{"b":[2,3,4]}}"#);
        for path in ["/a/b/9", "/a/b/01", "/a/b/x", "/a/b/0/c"] {
            assert_eq!(state.set(path, 0), Err(StateError::Place(path.to_owned())));
        }
        assert!(matches!(state.set("a", 0), Err(StateError::Pointer { .. })));
        assert!(matches!(
            state.set("/~2", 0),
            Err(StateError::Pointer { .. })
        ));
        assert_eq!(
            state.remove("").unwrap().map(|whole| whole.is_container()),
            Some(true)
        );
        assert!(state.snapshot().is_null());
    }

    #[test]
    fn depth_is_bounded_when_it_is_set() {
        let nested = |depth: usize| -> Value {
            serde_json::from_str(&("[".repeat(depth) + &"]".repeat(depth))).unwrap()
        };
        let state = State::default();
        state.set("", nested(100)).unwrap();
        assert!(matches!(
            state.set("", nested(101)),
            Err(StateError::Depth { .. })
        ));
        state.set("", Value::Null).unwrap();
        state.set("/a/b", nested(98)).unwrap();
        assert!(matches!(
            state.set("/a/b", nested(99)),
            Err(StateError::Depth { .. })
        ));
    }

    #[test]
    fn proto_keys_are_refused_unless_they_are_allowed() {
        let state = State::default();
        let hidden: Value = serde_json::from_str(r#"[{"a":{"__proto__":1}}]"#).unwrap();
        for (path, value) in [
            ("/__proto__", Value::Null),
            ("/a/__proto__/b", Value::Null),
            ("/a", hidden.clone()),
            ("", hidden.clone()),
        ] {
            let refused = Err(StateError::ProtoKey(path.to_owned()));
            assert_eq!(state.set(path, value), refused);
        }
        assert!(state.snapshot().is_null());
        state.set("/a", "__proto__").unwrap();
        let state = state.allow_proto_key();
        state.set("/__proto__/a", hidden).unwrap();
        assert_eq!(state.at("/__proto__/a/0/a/__proto__"), Ok(Some(1.into())));
    }

    #[tokio::test]
    async fn each_change_is_seen_until_there_are_too_many() {
        let state = State::default();
        let mut steps = state.steps();
        let mut dropped = Some(state.steps());
        for n in 0..TRAIL + 500 {
            state.set("", n).unwrap();
            dropped = None;
        }
        assert!(dropped.is_none());
        for n in 0..TRAIL - 1 {
            assert_eq!(steps.next().await.unwrap().value, Value::from(n));
        }
        let last = steps.next().await.unwrap();
        assert_eq!(last.value, Value::from(TRAIL + 499));
        drop(state);
        assert!(steps.next().await.is_none());
    }

    #[tokio::test]
    async fn changes_are_seen_as_they_are_now() {
        let state = State::default();
        let mut changes = state.changes();
        state.set("", 1).unwrap();
        state.set("", 2).unwrap();
        assert_eq!(changes.next().await, Some(2.into()));
        state.set("", 2).unwrap();
        state.set("", 3).unwrap();
        assert_eq!(changes.next().await, Some(3.into()));
        drop(state);
        assert_eq!(changes.next().await, None);
    }
}

//! Which processes to show, and in which order.

use serde::Serialize;
use serde_json::Value;
use thiserror::Error;

/// The longest filter, in characters.
pub(crate) const FILTER_LENGTH: usize = 100;
/// The most processes that a view may show.
pub(crate) const LIMIT_MAX: usize = 100;
/// How many processes a view shows unless told otherwise.
pub(crate) const LIMIT_DEFAULT: usize = 20;

/// Which processes to show, and in which order; one for all who watch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ProcessView {
    /// What to order by. Default: CPU.
    pub(crate) sort: Sort,
    /// Largest first. Default: true.
    pub(crate) descending: bool,
    /// Show only processes whose name, command or user contains this text, in whatever case, or
    /// whose id it is. At most [`FILTER_LENGTH`] characters. Default: empty, which shows all.
    pub(crate) filter: String,
    /// Show at most this many, 1 to [`LIMIT_MAX`]. Default: [`LIMIT_DEFAULT`].
    pub(crate) limit: usize,
}

/// What processes are ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Sort {
    /// By use of the processor.
    Cpu,
    /// By use of the memory.
    Memory,
    /// By name, then by id.
    Name,
    /// By process id.
    Pid,
}

impl Default for ProcessView {
    fn default() -> Self {
        Self {
            sort: Sort::Cpu,
            descending: true,
            filter: String::new(),
            limit: LIMIT_DEFAULT,
        }
    }
}

impl ProcessView {
    /// Takes over what `change` names; the rest stays.
    pub(crate) fn apply(&mut self, change: ViewChange) {
        let ViewChange {
            sort,
            descending,
            filter,
            limit,
        } = change;
        self.sort = sort.unwrap_or(self.sort);
        self.descending = descending.unwrap_or(self.descending);
        self.limit = limit.unwrap_or(self.limit);
        if let Some(filter) = filter {
            self.filter = filter;
        }
    }
}

/// A change to some fields of a [`ProcessView`]; every field in it is valid.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ViewChange {
    sort: Option<Sort>,
    descending: Option<bool>,
    filter: Option<String>,
    limit: Option<usize>,
}

/// Why a change to a [`ProcessView`] was refused, and what was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum ViewError {
    /// The change is not an object, or names a field that there is not.
    #[error("expected an object with any of: sort, descending, filter, limit")]
    Fields,
    /// `sort` is none of the orders there are.
    #[error("sort: expected one of: cpu, memory, name, pid")]
    Sort,
    /// `descending` is not a boolean.
    #[error("descending: expected true or false")]
    Descending,
    /// `filter` is not a text, or too long.
    #[error("filter: expected a text of at most {FILTER_LENGTH} characters")]
    Filter,
    /// `limit` is not a whole number, or out of range.
    #[error("limit: expected a whole number from 1 to {LIMIT_MAX}")]
    Limit,
}

impl ViewChange {
    /// Reads a change from JSON.
    ///
    /// # Errors
    ///
    /// Where it is not an object, has a field that there is not, or a value out of range.
    pub(crate) fn from_json(data: &Value) -> Result<Self, ViewError> {
        let mut change = Self::default();
        for (field, value) in data.as_object().ok_or(ViewError::Fields)? {
            match field.as_str() {
                "sort" => change.sort = Some(Sort::from_json(value).ok_or(ViewError::Sort)?),
                "descending" => {
                    change.descending = Some(value.as_bool().ok_or(ViewError::Descending)?);
                }
                "filter" => {
                    let filter = value.as_str().ok_or(ViewError::Filter)?;
                    if filter.chars().count() > FILTER_LENGTH {
                        return Err(ViewError::Filter);
                    }
                    change.filter = Some(filter.to_owned());
                }
                "limit" => {
                    let limit = value.as_u64().and_then(|limit| usize::try_from(limit).ok());
                    let limit = limit.filter(|limit| (1..=LIMIT_MAX).contains(limit));
                    change.limit = Some(limit.ok_or(ViewError::Limit)?);
                }
                _ => return Err(ViewError::Fields),
            }
        }
        Ok(change)
    }
}

impl Sort {
    fn from_json(value: &Value) -> Option<Self> {
        match value.as_str()? {
            "cpu" => Some(Self::Cpu),
            "memory" => Some(Self::Memory),
            "name" => Some(Self::Name),
            "pid" => Some(Self::Pid),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn takes_over_only_what_is_named() {
        let mut view = ProcessView::default();
        view.apply(ViewChange::from_json(&json!({})).unwrap());
        assert_eq!(view, ProcessView::default());

        view.apply(ViewChange::from_json(&json!({"sort": "name", "limit": 100})).unwrap());
        view.apply(ViewChange::from_json(&json!({"descending": false})).unwrap());
        view.apply(ViewChange::from_json(&json!({"filter": "ä".repeat(100)})).unwrap());
        assert_eq!(
            serde_json::to_value(&view).unwrap(),
            json!({
                "sort": "name",
                "descending": false,
                "filter": "ä".repeat(100),
                "limit": 100,
            }),
        );
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        let cases = [
            (json!(null), ViewError::Fields),
            (json!([]), ViewError::Fields),
            (json!({"srt": "cpu"}), ViewError::Fields),
            (json!({"limit": 5, "order": 1}), ViewError::Fields),
            (json!({"sort": "CPU"}), ViewError::Sort),
            (json!({"sort": null}), ViewError::Sort),
            (json!({"descending": "true"}), ViewError::Descending),
            (json!({"filter": 1}), ViewError::Filter),
            (json!({"filter": "x".repeat(101)}), ViewError::Filter),
            (json!({"limit": 0}), ViewError::Limit),
            (json!({"limit": 101}), ViewError::Limit),
            (json!({"limit": -1}), ViewError::Limit),
            (json!({"limit": 2.5}), ViewError::Limit),
            (json!({"limit": "20"}), ViewError::Limit),
            (json!({"limit": 1e300}), ViewError::Limit),
        ];
        for (data, expect) in cases {
            assert_eq!(ViewChange::from_json(&data), Err(expect), "{data}");
        }
    }
}

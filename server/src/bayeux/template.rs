//! [`Template`]: names of service channels, with parameters.

/// What a service channel begins with.
const ROOT: &str = "/service/";

/// A name of service channels: `contacts/{user}` is that of `/service/contacts/eve`, where `user` is `eve`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template {
    segments: Vec<Segment>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Text(String),
    Parameter(String),
}

/// What stands where a template has its parameters, by their names.
pub(super) type Parameters = Vec<(String, String)>;

impl Template {
    /// Reads a template, with or without `/service/` before it.
    pub(super) fn parse(text: &str) -> Self {
        let rest = text.strip_prefix(ROOT).unwrap_or(text);
        let segment = |segment: &str| {
            let inner = segment.strip_prefix('{');
            match inner.and_then(|inner| inner.strip_suffix('}')) {
                Some(name) => Segment::Parameter(name.to_owned()),
                None => Segment::Text(segment.to_owned()),
            }
        };
        Self {
            segments: rest.trim_matches('/').split('/').map(segment).collect(),
        }
    }

    /// Whether it has a parameter: one that has none goes before one that has.
    pub(super) fn is_open(&self) -> bool {
        let mut segments = self.segments.iter();
        segments.any(|segment| matches!(segment, Segment::Parameter(_)))
    }

    /// The parameters of a channel, where this is its name.
    pub(super) fn read(&self, channel: &str) -> Option<Parameters> {
        let mut given = channel.strip_prefix(ROOT)?.split('/');
        let mut parameters = Parameters::new();
        for segment in &self.segments {
            let given = given.next()?;
            match segment {
                Segment::Text(text) if text == given => {}
                Segment::Text(_) => return None,
                Segment::Parameter(name) => parameters.push((name.clone(), given.to_owned())),
            }
        }
        given.next().is_none().then_some(parameters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_whole_segments() {
        let read = |template, channel| Template::parse(template).read(channel);
        let of = |pairs: &[(&str, &str)]| {
            let owned = pairs
                .iter()
                .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
            Some(owned.collect::<Parameters>())
        };
        assert_eq!(read("echo", "/service/echo"), of(&[]));
        assert_eq!(read("/service/echo", "/service/echo"), of(&[]));
        assert_eq!(read("rpc/echo", "/service/rpc/echo"), of(&[]));
        assert_eq!(
            read("contacts/{user}/{n}", "/service/contacts/eve/7"),
            of(&[("user", "eve"), ("n", "7")])
        );
        assert_eq!(read("contacts/{user}", "/service/contacts"), None);
        assert_eq!(read("contacts/{user}", "/service/contacts/eve/7"), None);
        assert_eq!(read("contacts/{user}", "/service/others/eve"), None);
        assert_eq!(read("echo", "/echo"), None);
        assert!(Template::parse("a/{b}").is_open());
        assert!(!Template::parse("a/b").is_open());
    }
}

//! A WebAssembly module, as far as one has to read it to say what its parts cost.

use std::collections::BTreeMap;

use crate::process::Outcome;

const MAGIC: &[u8] = b"\0asm\x01\0\0\0";
const CUSTOM: u8 = 0;
const IMPORTS: u8 = 2;
const CODE: u8 = 10;
/// The names of sections, by their numbers.
const NAMES: &[&str] = &[
    "custom",
    "types",
    "imports",
    "functions",
    "tables",
    "memory",
    "globals",
    "exports",
    "start",
    "elements",
    "code",
    "data",
    "data count",
    "tags",
];
/// The part of the name section that is about functions.
const FUNCTION_NAMES: u8 = 1;

/// Its sections and functions, each with its bytes.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Module {
    pub(crate) sections: Vec<(String, usize)>,
    pub(crate) functions: Vec<(String, usize)>,
}

impl Module {
    /// Reads a module.
    pub(crate) fn parse(bytes: &[u8]) -> Outcome<Self> {
        let rest = bytes
            .strip_prefix(MAGIC)
            .ok_or("this is no WebAssembly module")?;
        read(Reader(rest)).ok_or_else(|| "the WebAssembly module is cut off or damaged".to_owned())
    }
}

fn read(mut reader: Reader) -> Option<Module> {
    let mut module = Module::default();
    let (mut imported, mut sizes, mut names) = (0, Vec::new(), BTreeMap::new());
    while !reader.is_empty() {
        let before = reader.0.len();
        let id = reader.byte()?;
        let mut body = reader.part()?;
        let size = before - reader.0.len();
        let mut name = (*NAMES.get(usize::from(id))?).to_owned();
        match id {
            CUSTOM => {
                let custom = body.text()?;
                if custom == "name" {
                    names = function_names(body)?;
                }
                name = format!("{name} {custom}");
            }
            IMPORTS => imported = imported_functions(body)?,
            CODE => {
                for _ in 0..body.number()? {
                    sizes.push(body.part()?.0.len());
                }
            }
            _ => {}
        }
        module.sections.push((name, size));
    }
    for (index, size) in (imported..).zip(sizes) {
        let name = names.remove(&index);
        module
            .functions
            .push((name.unwrap_or_else(|| format!("function {index}")), size));
    }
    Some(module)
}

/// How many functions are imported: their numbers come before those of the module's own.
fn imported_functions(mut body: Reader) -> Option<usize> {
    let mut functions = 0;
    for _ in 0..body.number()? {
        body.text()?;
        body.text()?;
        // wasm-bindgen imports nothing else, and nothing else is as simple to step over.
        (body.byte()? == 0).then_some(())?;
        body.number()?;
        functions += 1;
    }
    Some(functions)
}

fn function_names(mut body: Reader) -> Option<BTreeMap<usize, String>> {
    let mut names = BTreeMap::new();
    while !body.is_empty() {
        let id = body.byte()?;
        let mut part = body.part()?;
        if id != FUNCTION_NAMES {
            continue;
        }
        for _ in 0..part.number()? {
            let index = part.number()?;
            names.insert(index, part.text()?);
        }
    }
    Some(names)
}

/// What is left to read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// A number of at most 32 bits, in LEB128.
    fn number(&mut self) -> Option<usize> {
        let mut value = 0;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.byte()?;
            value |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    /// What comes with its length before it.
    fn part(&mut self) -> Option<Self> {
        let length = self.number()?;
        let (part, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(Reader(part))
    }

    fn text(&mut self) -> Option<String> {
        Some(String::from_utf8_lossy(self.part()?.0).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One imported function and two of its own, of which the second has a name.
    fn example() -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(b"\x01\x04\x01\x60\0\0"); // one type
        bytes.extend(b"\x02\x07\x01\x01w\x01i\0\0"); // w.i
        bytes.extend(b"\x03\x03\x02\0\0");
        bytes.extend(b"\x0a\x08\x02\x02\0\x0b\x03\0\x01\x0b"); // of two and three bytes
        bytes.extend(b"\0\x0d\x04name\x01\x06\x01\x02\x03a::"); // function 2
        bytes
    }

    #[test]
    fn functions_have_their_names_and_bytes() {
        let module = Module::parse(&example()).unwrap();
        let functions = [("function 1".to_owned(), 2), ("a::".to_owned(), 3)];
        assert_eq!(module.functions, functions);
        let sections: Vec<_> = module
            .sections
            .iter()
            .map(|(name, size)| (name.as_str(), *size))
            .collect();
        let expected = [
            ("types", 6),
            ("imports", 9),
            ("functions", 5),
            ("code", 10),
            ("custom name", 15),
        ];
        assert_eq!(sections, expected);
    }

    #[test]
    fn what_is_cut_off_is_an_error() {
        let whole = example();
        let ends = [0, 8, 14, 23, 28, 38, whole.len()];
        for end in 0..whole.len() {
            assert_eq!(
                Module::parse(&whole[..end]).is_ok(),
                ends[1..].contains(&end),
                "{end}"
            );
        }
        assert!(Module::parse(b"<!doctype html>").is_err());
    }
}

//! Moments as messages write them.

use alloc::string::String;

use crate::json::write_integer;

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// A moment, in milliseconds since 1970, as JavaScript writes it: `Tue, 18 Nov 2025 10:00:00 GMT`.
pub(in super::super) fn timestamp(millis: i64) -> String {
    let seconds = millis.div_euclid(1_000);
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = date(days);
    let mut text = String::from(word(&DAYS, days.rem_euclid(7)));
    text.push_str(", ");
    two(day, &mut text);
    text.push(' ');
    text.push_str(word(&MONTHS, month));
    text.push(' ');
    write_integer(year, &mut text);
    for (part, before) in [
        (second / 3_600, ' '),
        (second / 60 % 60, ':'),
        (second % 60, ':'),
    ] {
        text.push(before);
        two(part, &mut text);
    }
    text.push_str(" GMT");
    text
}

fn word(words: &[&'static str], at: i64) -> &'static str {
    usize::try_from(at)
        .ok()
        .and_then(|at| words.get(at))
        .copied()
        .unwrap_or_default()
}

/// A number of two digits.
fn two(number: i64, text: &mut String) {
    if number < 10 {
        text.push('0');
    }
    write_integer(number, text);
}

/// The year, the month from 0 and the day from 1 of so many days since 1970. Years are taken to begin with March, so that the
/// day that not all of them have is their last.
const fn date(days: i64) -> (i64, i64, i64) {
    // Days since the first of March of the year 0; 400 years have 146,097.
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    // Five months have 153 days.
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let is_next = month >= 10;
    let year = era * 400 + year + is_next as i64;
    (year, if is_next { month - 10 } else { month + 2 }, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_javascript_writes_them() {
        for (seconds, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (951_782_399, "Mon, 28 Feb 2000 23:59:59 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (951_868_800, "Wed, 01 Mar 2000 00:00:00 GMT"),
            (1_763_460_000, "Tue, 18 Nov 2025 10:00:00 GMT"),
            (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
        ] {
            assert_eq!(timestamp(seconds * 1_000), text);
        }
    }
}

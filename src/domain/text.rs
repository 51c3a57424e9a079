//! Small text functions.

use std::fmt::Write as _;

use super::ForeignText;

/// Bytes as two lower-case hexadecimal digits each.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The first 200 characters of a foreign line: lines of a log can be over 10 kB.
pub fn excerpt(line: &str) -> String {
    ForeignText(line).line(200)
}

/// The known name most similar to an unknown one, and their similarity (0 to 1).
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<(&'a str, f64)> {
    known
        .map(|near| (near, strsim::jaro_winkler(name, near)))
        .max_by(|(_, a), (_, b)| a.total_cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_two_digits_each() {
        assert_eq!(hexadecimal(&[0, 10, 255]), "000aff");
        assert_eq!(hexadecimal(&[]), "");
    }

    #[test]
    fn nearest_name_comes_with_similarity() {
        let known = ["abort", "approve"];
        let (near, likeness) = nearest("abrt", known.into_iter()).unwrap();
        assert!(near == "abort" && likeness > 0.9, "{near} {likeness}");
        assert_eq!(nearest("x", [].into_iter()), None);
    }
}

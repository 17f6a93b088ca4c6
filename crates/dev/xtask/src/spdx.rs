//! Licence expressions of crates: `MIT OR (Apache-2.0 AND ISC)`.

/// `None` if the expression cannot be parsed.
pub(crate) fn is_met(expression: &str, allowed: &[&str]) -> Option<bool> {
    // `/` is an old spelling of `OR`.
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut reader = ExpressionParser { words: &words, allowed };
    let met = reader.any()?;
    reader.words.is_empty().then_some(met)
}

struct ExpressionParser<'a> {
    words: &'a [&'a str],
    allowed: &'a [&'a str],
}

impl<'a> ExpressionParser<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(first)
    }

    fn takes(&mut self, word: &str) -> bool {
        let found = self.words.first() == Some(&word);
        if found {
            self.words = &self.words[1..];
        }
        found
    }

    /// `OR` binds weaker than `AND`.
    fn any(&mut self) -> Option<bool> {
        let mut met = self.all()?;
        while self.takes("OR") {
            met |= self.all()?;
        }
        Some(met)
    }

    fn all(&mut self) -> Option<bool> {
        let mut met = self.one()?;
        while self.takes("AND") {
            met &= self.one()?;
        }
        Some(met)
    }

    fn one(&mut self) -> Option<bool> {
        if self.takes("(") {
            let met = self.any()?;
            return self.takes(")").then_some(met);
        }
        let mut name =
            self.next().filter(|word| !["OR", "AND", "WITH", ")"].contains(word))?.to_owned();
        if self.takes("WITH") {
            name = format!("{name} WITH {}", self.next()?);
        }
        Some(self.allowed.contains(&name.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_of_crates_are_parsed() {
        let allowed = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"];
        let met = |expression| is_met(expression, &allowed);
        assert_eq!(met("MIT"), Some(true));
        assert_eq!(met("GPL-3.0-only"), Some(false));
        assert_eq!(met("MIT/Apache-2.0"), Some(true));
        assert_eq!(met("Apache-2.0 AND ISC"), Some(false));
        assert_eq!(met("(MIT OR Apache-2.0) AND ISC"), Some(true));
        assert_eq!(met("GPL-2.0 OR MIT AND BSD-3-Clause"), Some(false));
        assert_eq!(met("Apache-2.0 WITH LLVM-exception OR GPL-2.0"), Some(true));
        for wrong in ["", "MIT OR", "(MIT", "MIT)", "MIT MIT", "OR"] {
            assert_eq!(met(wrong), None, "{wrong:?}");
        }
    }
}

//! Where a piece of work belongs in a trace: W3C Trace Context (Recommendation, 2021-11-23), level 1.
//!
//! It travels as the text of the header `traceparent`. One that is not understood is as good as none:
//! no call fails for the sake of its trace.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

/// The name of the header, and of the metadata of a call.
pub const TRACEPARENT: &str = "traceparent";

/// A span within its trace. Neither id is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceContext {
    trace: [u8; 16],
    span: [u8; 8],
    sampled: bool,
}

/// A text is no `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a W3C traceparent")]
pub struct NotATraceparent;

impl TraceContext {
    /// Makes a context; `None` if an id is zero.
    pub fn new(trace: [u8; 16], span: [u8; 8], sampled: bool) -> Option<Self> {
        let is_whole = trace != [0; 16] && span != [0; 8];
        is_whole.then_some(Self {
            trace,
            span,
            sampled,
        })
    }

    /// Reads a header; `None` if there is nothing that is understood.
    pub fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    /// Returns the trace.
    pub const fn trace(&self) -> [u8; 16] {
        self.trace
    }

    /// Returns the span.
    pub const fn span(&self) -> [u8; 8] {
        self.span
    }

    /// Says whether the trace is recorded.
    pub const fn is_sampled(&self) -> bool {
        self.sampled
    }

    /// Returns the span of the same trace whose id follows from a name: whoever knows the name knows
    /// the id, in any process.
    #[must_use]
    pub fn named(&self, name: &str) -> Self {
        let mut span = [0; 8];
        span.copy_from_slice(&Sha256::digest(name.as_bytes())[..8]);
        span[7] |= u8::from(span == [0; 8]);
        Self { span, ..*self }
    }

    /// Returns a span of a trace of its own; both ids follow from a name.
    #[must_use]
    pub fn apart(&self, name: &str) -> Self {
        let mut trace = [0; 16];
        trace.copy_from_slice(&Sha256::digest(name.as_bytes())[8..24]);
        trace[15] |= u8::from(trace == [0; 16]);
        Self { trace, ..*self }.named(name)
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (trace, span) = (
            u128::from_be_bytes(self.trace),
            u64::from_be_bytes(self.span),
        );
        write!(
            f,
            "00-{trace:032x}-{span:016x}-{:02x}",
            u8::from(self.sampled)
        )
    }
}

impl FromStr for TraceContext {
    type Err = NotATraceparent;

    fn from_str(text: &str) -> Result<Self, NotATraceparent> {
        let mut fields = text.trim().split('-');
        let mut field = |digits: usize| {
            let field = fields.next().filter(|field| field.len() == digits);
            let field = field.filter(|field| !field.bytes().any(|b| b.is_ascii_uppercase()));
            let number = field.and_then(|field| u128::from_str_radix(field, 16).ok());
            number.ok_or(NotATraceparent)
        };
        let (version, trace, span, flags) = (field(2)?, field(32)?, field(16)?, field(2)?);
        // Later versions may add fields; 255 is none.
        if version == 0xff || version == 0 && fields.next().is_some() {
            return Err(NotATraceparent);
        }
        let span = u64::try_from(span).map_err(|_| NotATraceparent)?;
        Self::new(trace.to_be_bytes(), span.to_be_bytes(), flags & 1 == 1).ok_or(NotATraceparent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn headers_survive_a_round_trip() {
        let context: TraceContext = TEXT.parse().unwrap();
        assert!(context.is_sampled());
        assert_eq!(context.to_string(), TEXT);
        let unsampled = TEXT.replace("-01", "-00");
        assert_eq!(
            TraceContext::read(&unsampled).unwrap().to_string(),
            unsampled
        );
    }

    #[test]
    fn what_is_not_understood_is_none() {
        let long = format!("{TEXT}-x");
        let zero_trace = TEXT.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32));
        let zero_span = TEXT.replace("b7ad6b7169203331", &"0".repeat(16));
        let upper = TEXT.to_uppercase();
        let forbidden = TEXT.replacen("00-", "ff-", 1);
        for text in [
            "",
            "00",
            "no",
            "00-1-2-3",
            &long,
            &zero_trace,
            &zero_span,
            &upper,
            &forbidden,
        ] {
            assert_eq!(TraceContext::read(text), None, "{text}");
        }
        let later = format!("{}-more", TEXT.replacen("00-", "01-", 1));
        assert!(TraceContext::read(&later).is_some());
    }

    #[test]
    fn ids_that_follow_from_names_are_the_same_everywhere() {
        let context: TraceContext = TEXT.parse().unwrap();
        let span = context.named("workflow/align/0/1");
        assert_eq!(span, context.named("workflow/align/0/1"));
        assert_ne!(span.span(), context.named("workflow/align/0/2").span());
        assert_eq!(span.trace(), context.trace());
        assert_ne!(context.apart("workflow").trace(), context.trace());
        assert!(context.apart("workflow").is_sampled());
    }
}

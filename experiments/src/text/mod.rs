//! YAML in, all problems at once out.
//!
//! ```text
//! bytes -> SourceFile -> traps (what YAML would break or eat) -> tree with byte spans -> typed values
//! ```
//!
//! Nothing here knows what an experiment is: it reads YAML strictly, keeps where everything stood, and
//! renders what is wrong. Reading goes on after an error, so that an author sees every problem at once.
mod bare;
mod codes;
mod decode;
mod literal;
mod problem;
mod render;
mod scalar;
mod source;
mod traps;
mod tree;

pub use codes::{Code, Explanation, Scaffold, explain};
pub use literal::{Complaint, Entries, Literal, Spot, Value};
pub use problem::{Place, Problem, Related, Severity, nearest};
pub use render::{render, to_json};
pub use scalar::{Part, Scalar};
pub use source::{LARGEST_FILE, SourceFile};

pub use tree::to_values;

pub(crate) use decode::decode;
pub(crate) use problem::Problems;
pub(crate) use tree::{Kind, Node, Span, documents};

//! Experiments that stories need and no catalogue has.

/// One fault for so long, with a claim that it cannot violate: for stories about everything but the claim.
pub fn lasting(fault: &str, into: &str, length: &str) -> String {
    format!(
        "apiVersion: squall.dev/v1
kind: Experiment
metadata:
  name: lasting
spec:
  title: Customers go on coming, whatever happens to one part of the world
  steadyState:
    - name: it-is-so
      query: min(up{{instance=\"load\"}})
      is: 1
  recoverWithin: 15s
  method:
    - name: hurt
      inject: {{{fault}}}
      into: {{{into}}}
      for: {length}
  expect:
    - name: it-stays-so
      query: min(up{{instance=\"load\"}})
      is: 1
      during: hurt
"
    )
}

/// An experiment that needs to be told something.
pub const WITH_A_PARAMETER: &str = "apiVersion: squall.dev/v1
kind: Experiment
metadata:
  name: told
spec:
  title: It goes on without one instance
  parameters:
    - {name: instance, description: which}
  method:
    - name: hurt
      inject: {kill: {}}
      into: {names: [\"${instance}\"]}
  expect:
    - name: it-goes-on
      query: min(up)
      is: 1
";

/// An experiment with three mistakes, each of its own kind.
pub const WITH_MISTAKES: &str = "apiVersion: squall.dev/v1
kind: Experiment
metadata:
  name: mistaken
spec:
  title: What is wrong is said at once
  method:
    - name: hurt
      inject: {network: {delay: 400}}
      into: {names: [a]}
      for: 10s
  expect:
    - name: it-goes-on
      query: min(up)
      is: >= 1
    - name: it-goes-on-too
      query: min(up)
      is: 1
      duringg: hurt
";

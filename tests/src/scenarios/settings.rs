//! The documents `squall` reads in a world: its inventory and its settings.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::prometheus_configuration;
use crate::blueprint::{Blueprint, Instance, PROMETHEUS, Zone};

/// Writes the inventory, the settings, and every configuration file of the blueprint.
pub fn write_documents(blueprint: &Blueprint, directory: &Path) -> Result<()> {
    let mut files = blueprint.files.clone();
    files.push(("prometheus.yml".into(), prometheus_configuration(&blueprint.targets)));
    files.push(("inventory.yaml".into(), inventory(blueprint, directory)));
    files.push(("squall.yaml".into(), settings(directory)));
    for (name, text) in files {
        let path = directory.join(name);
        fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}

fn inventory(blueprint: &Blueprint, directory: &Path) -> String {
    let mut text = "apiVersion: squall.dev/v1\nkind: Inventory\nmetadata:\n  name: lab\nspec:\n  nodes:\n".to_owned();
    for zone in Zone::ALL {
        let name = zone.name();
        text += &format!("    - {{name: node-{name}, zone: {name}}}\n");
    }
    text += "  instances:\n";
    for instance in &blueprint.instances {
        text += &inventory_entry(instance, &blueprint.namespace, directory);
    }
    text
}

fn inventory_entry(instance: &Instance, namespace: &str, directory: &Path) -> String {
    let Instance { name, app, zone, .. } = instance;
    let (zone, address, address6) = (zone.name(), instance.address(), instance.address6());
    let pidfile = directory.join("run").join(format!("{name}.pid"));
    format!(
        "    - name: {name}
      namespace: {namespace}
      labels: {{app: {app}}}
      node: node-{zone}
      addresses: [\"{address}\", \"{address6}\"]
      process: {{pidfile: \"{}\"}}
      netns: {name}
      series: {{instance: {name}}}
",
        pidfile.display()
    )
}

fn settings(directory: &Path) -> String {
    let (inventory, history) = (directory.join("inventory.yaml"), directory.join("history"));
    format!(
        "prometheus: {{url: \"http://{PROMETHEUS}\"}}
platforms:
  lab: {{inventory: \"{}\"}}
history: \"{}\"
confirm: never
allow: [exec, irreversible]
",
        inventory.display(),
        history.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenarios::leaf;

    #[test]
    fn an_instance_is_known_by_its_pidfile_its_namespace_and_its_addresses() {
        let entry = inventory_entry(&leaf("payments", Zone::Z2), "shop", Path::new("/world"));
        insta::assert_snapshot!(entry, @r#"
            - name: payments-z2
              namespace: shop
              labels: {app: payments}
              node: node-z2
              addresses: ["10.0.2.10", "fd00:2::10"]
              process: {pidfile: "/world/run/payments-z2.pid"}
              netns: payments-z2
              series: {instance: payments-z2}
        "#);
    }
}

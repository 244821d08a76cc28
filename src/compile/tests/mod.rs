mod fixture;

use super::*;

#[test]
fn dump() {
    let compiled = compile(&fixture::inventory(), &Selection::default());
    let compiled = match compiled {
        Ok(c) => c,
        Err(f) => panic!("{}", f.message),
    };
    println!("{}", serde_json::to_string_pretty(&compiled.catalogs).unwrap());
}

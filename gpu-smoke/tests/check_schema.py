"""Checks a JSON file against the part of JSON Schema that schema.json uses, without further packages.

usage: check_schema.py SCHEMA FILE. Exits 1 and names the place when the file breaks the schema.
"""
import json
import sys

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
KNOWN = {"$schema", "$id", "$defs", "$ref", "title", "description", "type", "const", "enum", "properties", "required",
         "additionalProperties", "items", "minimum"}


def is_type(value, name):
    if name in ("integer", "number"):
        return not isinstance(value, bool) and isinstance(value, int if name == "integer" else (int, float))
    return isinstance(value, TYPES[name])


def check(value, schema, root, where):
    if unknown := set(schema) - KNOWN:
        raise SystemExit(f"check_schema.py does not know {sorted(unknown)}, used at {where}")
    if "$ref" in schema:
        yield from check(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root, where)
    names = schema.get("type", [])
    names = [names] if isinstance(names, str) else names
    if names and not any(is_type(value, name) for name in names):
        yield f"{where}: {value!r} is not {' or '.join(names)}"
    if "const" in schema and value != schema["const"]:
        yield f"{where}: {value!r} is not {schema['const']!r}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{where}: {value!r} is not one of {schema['enum']}"
    if "minimum" in schema and is_type(value, "number") and value < schema["minimum"]:
        yield f"{where}: {value} is below {schema['minimum']}"
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        yield from (f"{where}: {key} is missing" for key in schema.get("required", []) if key not in value)
        if schema.get("additionalProperties") is False:
            yield from (f"{where}: {key} is not in the schema" for key in value if key not in properties)
        for key in value.keys() & properties.keys():
            yield from check(value[key], properties[key], root, f"{where}.{key}")
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from check(item, schema.get("items", {}), root, f"{where}[{index}]")


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        schema = json.load(file)
    with open(sys.argv[2], encoding="utf-8") as file:
        value = json.load(file)
    problems = list(check(value, schema, schema, "$"))
    print("\n".join(problems), end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

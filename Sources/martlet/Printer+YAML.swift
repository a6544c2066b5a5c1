// TEMPORARY
internal import Base

func yamlText(_ value: JSONValue) -> String { value.prettyText }

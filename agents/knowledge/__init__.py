"""The knowledge graph: what projects learn, as nodes and edges that can be asked, exported and built upon."""

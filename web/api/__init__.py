"""The routes under /api: thin, each declares its permission, none decides anything itself."""

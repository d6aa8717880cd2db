"""What sort of text a path names: code, instructions of an agent, or prose. By its name alone."""

from __future__ import annotations

_CODE = frozenset(
    b"astro bash bat c cc cfg clj cljs cmake cmd cpp cs css cue cxx dart dockerfile ex exs fish fs go gradle "
    b"graphql groovy h hcl hh hpp hs inc ini java jl js jsx kt kts less lua m mjs cjs mk ml mm mts cts nim nix "
    b"nu php pl pm prisma proto ps1 psm1 py pyi pyx r rb rego rs scala scss sh sol sql svelte swift tcl tf tfvars "
    b"toml ts tsx v vb vue wat xsl yaml yml zig zsh".split()
)
_CODE_NAMES = frozenset(
    b"makefile dockerfile containerfile jenkinsfile vagrantfile rakefile gemfile procfile justfile brewfile "
    b"codeowners .gitattributes .gitmodules .bashrc .zshrc .profile .npmrc .envrc package.json tsconfig.json "
    b"composer.json deno.json".split()
)
_AGENT_NAMES = frozenset(
    b"agents.md agent.md claude.md claude.local.md gemini.md skill.md .cursorrules .windsurfrules .clinerules "
    b".goosehints .mcp.json mcp.json copilot-instructions.md conventions.md .aider.conf.yml".split()
)
_AGENT_ENDS = (b".mdc", b".instructions.md", b".prompt.md", b".chatmode.md", b".agent.md")
_AGENT_FOLDERS = frozenset(
    b".claude .codex .cursor .gemini .windsurf .clinerules .roo .kiro .agents .agent .continue .junie .amazonq "
    b".opencode .augment".split()
)


def is_agent_file(path: bytes) -> bool:
    """Whether coding agents read this file as instructions, at any depth and in any case."""
    *folders, name = path.lower().split(b"/")
    return (
        name in _AGENT_NAMES or name.endswith(_AGENT_ENDS) or not _AGENT_FOLDERS.isdisjoint(folders)
    )


def is_code(path: bytes) -> bool:
    """Whether a machine runs or obeys this file; what is not known is prose."""
    name = path.lower().rpartition(b"/")[2]
    return name in _CODE_NAMES or (b"." in name and name.rpartition(b".")[2] in _CODE)

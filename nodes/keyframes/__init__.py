"""The node that places keyframes."""

// What this Martlet calls itself.

/// The version of the whole program.
public let martletVersion = "0.1.0"

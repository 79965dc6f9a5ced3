"""Are the answers still right? Agreement of results under competing threads; hypothesis strategies."""
